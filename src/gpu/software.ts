import { existsSync } from 'node:fs'
import { constants, homedir } from 'node:os'
import { join } from 'node:path'

/** The npm package whose SwiftShader (a Vulkan driver that runs on the processor, Apache-2.0) is used. */
export const softwarePackage = { name: '@sparticuz/chromium', version: '147.0.0' } as const

/** What Vulkan calls it; `compute.adapter` is matched against this when no installed driver has the name. */
export const softwareAdapterName = 'SwiftShader Device (Subzero)'

/** The package holds libraries of this platform only. */
export const softwareAdapterSupported = process.platform === 'linux' && process.arch === 'x64'

const loaderName = 'libvulkan.so.1'
const driverDescription = 'vk_swiftshader_icd.json'

/** Files that make the adapter; it counts as installed when all are there. */
export const softwareFiles = ['libvk_swiftshader.so', loaderName, driverDescription, 'LICENSE'] as const

/** The user's cache, by the XDG rules (a relative XDG_CACHE_HOME is to be ignored). */
export function softwareAdapterDirectory(): string {
  const cache = process.env.XDG_CACHE_HOME
  const base = cache?.startsWith('/') ? cache : join(homedir(), '.cache')
  return join(base, 'sadaan-gpu', `swiftshader-${softwarePackage.version}`)
}

export function softwareAdapterInstalled(): boolean {
  const directory = softwareAdapterDirectory()
  return softwareAdapterSupported && softwareFiles.every(file => existsSync(join(directory, file)))
}

// process.dlopen is meant for addons: it loads the library, finds that it registers no addon, throws and closes it
// again. RTLD_NODELETE makes that closing keep the library, so it stays loaded under its SONAME, and the
// dlopen("libvulkan.so.1") that Dawn does later finds it: no LD_LIBRARY_PATH, which would have to be set before node starts.
const RTLD_NODELETE = 0x1000

function load(library: string): boolean {
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | RTLD_NODELETE)
    return true
  } catch (error) {
    return (error as Error).message.includes('did not self-register')
  }
}

/** Whether Dawn will find a Vulkan loader. Asked before Dawn is, which prints a warning of its own when there is none. */
export function vulkanLoaderPresent(): boolean {
  return load(loaderName)
}

/** The drivers the user chose by environment, which nothing here overrules. */
export function chosenDrivers(): string | undefined {
  const files = process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES
  return files === join(softwareAdapterDirectory(), driverDescription) ? undefined : files
}

/**
 * Makes the installed SwiftShader the Vulkan driver of this process. Call it before `create()`; no restart is needed.
 * A machine-wide loader stays in use, it reads the variables whenever an instance is made. Loaders before 1.3.207 know
 * the second variable only.
 */
export function useSoftwareAdapter(): void {
  const directory = softwareAdapterDirectory()
  if (!chosenDrivers()) {
    process.env.VK_DRIVER_FILES = join(directory, driverDescription)
    process.env.VK_ICD_FILENAMES = join(directory, driverDescription)
  }
  if (!vulkanLoaderPresent()) load(join(directory, loaderName))
}
