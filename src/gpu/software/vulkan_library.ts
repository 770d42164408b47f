import { constants } from 'node:os'
import { messageOf } from '../../util/error.ts'

/** The Vulkan loader that Dawn opens, by its SONAME. */
export const LOADER = 'libvulkan.so.1'

// process.dlopen is meant for addons: it loads the library, throws because no addon registers itself, and closes it.
// With RTLD_NODELETE the library stays loaded under its SONAME, so that later libraries that need it, and Dawn's
// dlopen("libvulkan.so.1"), find it. That avoids LD_LIBRARY_PATH, which would have to be set before node starts.
const RTLD_NODELETE = 0x1000

/** Loads a library into this process, for good. Returns why it could not, undefined if it could. */
export function loadLibrary(library: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | RTLD_NODELETE)
    return undefined
  } catch (error) {
    return messageOf(error).includes('did not self-register') ? undefined : messageOf(error)
  }
}

/** Whether Dawn will find a Vulkan loader. Checked before Dawn starts, because Dawn prints a warning if there is none. */
export function vulkanLoaderPresent(): boolean {
  return loadLibrary(LOADER) === undefined
}

/**
 * Makes this description the only Vulkan driver of this process and its children; the loader reads the variables for every new instance.
 * Loaders before 1.3.207 support the second variable only.
 */
export function chooseDriver(description: string): void {
  process.env.VK_DRIVER_FILES = description
  process.env.VK_ICD_FILENAMES = description
}
