import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { userCacheDirectory } from '../../util/cache_directory.ts'
import { messageOf } from '../../util/error.ts'
import { readText } from '../../util/whole_file.ts'
import { Packages, type Release, releaseOf } from './debian_packages.ts'
import { placeFolder } from './placed_folder.ts'
import { copyClosure } from './shared_libraries.ts'
import { SoftwareAdapterError } from './software_error.ts'
import { chooseDriver, LOADER, loadLibrary, vulkanLoaderPresent } from './vulkan_library.ts'

/** Parts of it name the adapter: Vulkan's name has the versions of LLVM too. */
export const LAVAPIPE_NAME = 'llvmpipe (Mesa lavapipe)'

/** Dawn refuses 22.3. */
const OLDEST_MESA = 24

const driver = 'libvulkan_lvp.so'
const driverDescription = 'lvp_icd.json'
/** The libraries beside the driver, each behind those that it needs. */
const order = 'libraries.txt'

export function lavapipeDirectory(): string {
  return join(userCacheDirectory(), 'lavapipe')
}

export function lavapipeDescription(): string {
  return join(lavapipeDirectory(), driverDescription)
}

export function lavapipeInstalled(): boolean {
  const directory = lavapipeDirectory()
  return (
    process.platform === 'linux' && [driver, driverDescription, order].every(file => existsSync(join(directory, file)))
  )
}

/** The release of Debian or Ubuntu that this system is, whose packages hold lavapipe. Undefined on other systems. */
export function lavapipeSource(): Release | undefined {
  const isKnown = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch)
  return isKnown && existsSync('/etc/os-release') ? releaseOf(readText('/etc/os-release')) : undefined
}

/** Makes the installed lavapipe the Vulkan driver of this process. A system-wide loader stays in use. Returns why it could not. */
export function useLavapipe(): string | undefined {
  const failure = loadDriver() ?? (vulkanLoaderPresent() ? undefined : loadLibrary(join(lavapipeDirectory(), LOADER)))
  if (failure !== undefined) return failure
  chooseDriver(lavapipeDescription())
  // a fifth faster if the CPU has AVX-512
  if (/\bavx512f\b/.test(readText('/proc/cpuinfo'))) process.env.LP_NATIVE_VECTOR_WIDTH ??= '512'
  return undefined
}

/** The driver and its libraries come in their order, so that each finds those it needs by their SONAMEs, wherever they lie. */
function loadDriver(): string | undefined {
  const directory = lavapipeDirectory()
  for (const library of [...readText(join(directory, order)).trim().split('\n'), driver]) {
    const failure = loadLibrary(join(directory, library))
    if (failure !== undefined) return failure
  }
  return undefined
}

/**
 * Takes lavapipe from the packages of the user's system into the user's cache, unless it is there already. Needs no root, and changes
 * nothing else.
 * @param onProgress receives a line before each slow step
 * @throws SoftwareAdapterError
 */
export async function installLavapipe(release: Release, onProgress: (line: string) => void): Promise<void> {
  if (lavapipeInstalled()) return
  const directory = lavapipeDirectory()
  const from = `the packages of ${release.id} ${release.codename}`
  try {
    onProgress(`Looking for the software adapter Mesa lavapipe in ${from}`)
    await placeFolder(directory, lavapipeInstalled, async own => {
      const unpacked = join(own, 'unpacked')
      await mkdir(unpacked)
      await fetchPackages(release, unpacked, megabytes =>
        onProgress(`Fetching Mesa lavapipe (${megabytes} MB, once) from ${from} into ${directory}`),
      )
      await copyClosure(unpacked, own, { library: driver, alone: [LOADER], description: driverDescription, order })
      await rm(unpacked, { recursive: true })
    })
    const failure = loadDriver()
    if (failure === undefined) return
    await rm(directory, { recursive: true, force: true })
    throw new Error(failure)
  } catch (error) {
    throw SoftwareAdapterError.because(`Mesa lavapipe from ${from}: ${messageOf(error)}`)
  }
}

async function fetchPackages(release: Release, folder: string, fetching: (megabytes: number) => void): Promise<void> {
  const packages = await Packages.open(release, join(folder, 'apt'), ['mesa-vulkan-drivers', 'libvulkan1'])
  const mesa = packages.versionOf('mesa-vulkan-drivers')
  if (Number.parseInt(mesa, 10) < OLDEST_MESA) throw new Error(`Mesa is ${mesa}, expected ${OLDEST_MESA} or newer`)
  fetching(packages.megabytes)
  await packages.unpack(folder)
}
