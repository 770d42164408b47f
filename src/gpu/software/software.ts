import { messageOf } from '../../util/error.ts'
import {
  installLavapipe,
  LAVAPIPE_NAME,
  lavapipeDescription,
  lavapipeDirectory,
  lavapipeInstalled,
  lavapipeSource,
  useLavapipe,
} from './lavapipe.ts'
import {
  installSwiftShader,
  SWIFTSHADER_NAME,
  swiftShaderDescription,
  swiftShaderDirectory,
  swiftShaderInstalled,
  swiftShaderSupported,
  useSwiftShader,
} from './swiftshader.ts'

/** A Vulkan driver that computes on the CPU, in the user's cache. */
interface SoftwareDriver {
  /** `compute.adapter` is matched against it if no installed driver matches */
  name: string
  isInstalled(): boolean
  directory(): string
  /** the file that names it to the Vulkan loader */
  description(): string
  /** Makes it the driver of this process and its children. Call it before requesting an adapter. Returns why it could not. */
  use(): string | undefined
}

/** The fastest first. */
const drivers: readonly SoftwareDriver[] = [
  {
    name: LAVAPIPE_NAME,
    isInstalled: lavapipeInstalled,
    directory: lavapipeDirectory,
    description: lavapipeDescription,
    use: useLavapipe,
  },
  {
    name: SWIFTSHADER_NAME,
    isInstalled: swiftShaderInstalled,
    directory: swiftShaderDirectory,
    description: swiftShaderDescription,
    use: useSwiftShader,
  },
]

export function installedDrivers(): SoftwareDriver[] {
  return drivers.filter(driver => driver.isInstalled())
}

/** Whether a software adapter can be installed on this system. */
export function softwareAdapterSupported(): boolean {
  return swiftShaderSupported || lavapipeSource() !== undefined
}

/** The drivers that the user chose by environment variables; they take precedence. */
export function chosenDrivers(): string | undefined {
  const files = namedDrivers()
  return drivers.some(driver => driver.description() === files) ? undefined : files
}

/** One of ours that this process, or the one that started it, has chosen. */
export function ownDriverChosen(): SoftwareDriver | undefined {
  const files = namedDrivers()
  return installedDrivers().find(driver => driver.description() === files)
}

function namedDrivers(): string | undefined {
  return process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES
}

/**
 * Installs the fastest software adapter that this system can have without root: lavapipe, else SwiftShader. Says which, and why not
 * lavapipe. Several processes may do so at the same time.
 * @param onProgress receives a line before each slow step
 * @throws SoftwareAdapterError
 */
export async function installSoftwareAdapter(onProgress: (line: string) => void): Promise<void> {
  const source = lavapipeSource()
  try {
    if (source) return await installLavapipe(source, onProgress)
  } catch (error) {
    if (!swiftShaderSupported) throw error
    onProgress(`${messageOf(error)}; SwiftShader, which is ten times slower, takes its place`)
  }
  await installSwiftShader(onProgress)
}

/** The next adapter that is opened may be another of our drivers. */
export function forgetOwnDriver(): void {
  if (chosenDrivers() !== undefined) return
  delete process.env.VK_DRIVER_FILES
  delete process.env.VK_ICD_FILENAMES
}
