import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Packages } from '../../src/gpu/software/debian_packages.ts'
import { lavapipeSource } from '../../src/gpu/software/lavapipe.ts'
import { placeFolder } from '../../src/gpu/software/placed_folder.ts'
import { copyClosure } from '../../src/gpu/software/shared_libraries.ts'
import { LOADER, loadLibrary } from '../../src/gpu/software/vulkan_library.ts'
import { userCacheDirectory } from '../../src/util/cache_directory.ts'
import { InputError } from '../../src/util/error.ts'
import { readText, writeJson } from '../../src/util/whole_file.ts'

/** Of other versions, the recorded table does not hold; from 26 on, RADV compiles only for a GPU that is there. */
const MESA = '25.0.7'
/** The releases of Debian that have it; the first has it in its backports, those of the second are too new. */
const RELEASES = ['bookworm', 'trixie']

/** A driver, and the list of the libraries beside it, each behind those that it needs. */
const RADV = { library: 'libvulkan_radeon.so', description: 'radeon_icd.json', order: 'radeon_libraries.txt' }
const LAVAPIPE = { library: 'libvulkan_lvp.so', description: 'lvp_icd.json', order: 'lvp_libraries.txt' }
const HEADERS = 'include'

/** Mesa's Vulkan drivers in the user's cache: RADV, whose compiler for AMD's GPUs needs none, and lavapipe, for programs that have to have an adapter. */
export class Mesa {
  private readonly directory = join(userCacheDirectory(), `mesa-${MESA}`)

  private isWhole(): boolean {
    const files = [...Object.values(RADV), ...Object.values(LAVAPIPE), LOADER, HEADERS]
    return files.every(file => existsSync(join(this.directory, file)))
  }

  /** Takes them from Debian's packages, unless they are there. Needs no root. Throws Error with what is missing. */
  async install(say: (line: string) => void): Promise<void> {
    if (this.isWhole()) return
    const release = lavapipeSource()
    if (release?.id !== 'debian' || !RELEASES.includes(release.codename))
      throw new InputError(`this system has no Mesa ${MESA}: expected Debian ${RELEASES.join(' or ')}`)
    say(`Fetching Mesa ${MESA}, once, into ${this.directory}`)
    await placeFolder(
      this.directory,
      () => this.isWhole(),
      async own => {
        const unpacked = join(own, 'unpacked')
        await mkdir(unpacked)
        const names = ['mesa-vulkan-drivers', 'libvulkan1', 'libvulkan-dev']
        const packages = await Packages.open(release, join(unpacked, 'apt'), names, {
          newest: release.codename === RELEASES[0],
        })
        const mesa = packages.versionOf('mesa-vulkan-drivers')
        if (!mesa.startsWith(`${MESA}-`)) throw new Error(`Mesa is ${mesa} in ${release.codename}, expected ${MESA}`)
        await packages.unpack(unpacked)
        for (const driver of [RADV, LAVAPIPE]) await copyClosure(unpacked, own, { ...driver, alone: [LOADER] })
        await cp(join(unpacked, 'usr/include'), join(own, HEADERS), { recursive: true })
        await rm(unpacked, { recursive: true })
      },
    )
  }

  /** Compiles the driver around RADV into `folder`. The environment lets a process open it as its only Vulkan driver. */
  compiling(folder: string): NodeJS.ProcessEnv {
    const library = join(folder, 'compiling_driver.so')
    const source = fileURLToPath(new URL('compiling_driver.c', import.meta.url))
    const headers = join(this.directory, HEADERS)
    const options = ['-O1', '-Wall', '-shared', '-fPIC', `-I${headers}`, '-o', library, source, '-ldl']
    requireProgram('gcc', 'gcc libc6-dev')
    execFileSync('gcc', options, { stdio: 'pipe' })
    const description = join(folder, 'icd.json')
    const { ICD: own, ...rest } = JSON.parse(readText(join(this.directory, RADV.description))) as { ICD: object }
    writeJson(description, { ...rest, ICD: { ...own, library_path: library } })
    const driver = { REAL_DRIVER: join(this.directory, RADV.library), MESA_SHADER_CACHE_DISABLE: 'true' }
    return { VK_DRIVER_FILES: description, VK_ICD_FILENAMES: description, ...driver }
  }

  /** Lets a program of the system open lavapipe as its only Vulkan driver. */
  get lavapipe(): NodeJS.ProcessEnv {
    const description = join(this.directory, LAVAPIPE.description)
    return { VK_DRIVER_FILES: description, VK_ICD_FILENAMES: description, LD_LIBRARY_PATH: this.directory }
  }

  /** Loads what RADV needs into this process. Throws Error if something is missing. */
  load(): void {
    const libraries = readText(join(this.directory, RADV.order)).trim().split('\n')
    for (const library of [...libraries, LOADER]) {
      const failure = loadLibrary(join(this.directory, library))
      if (failure !== undefined) throw new Error(failure)
    }
  }
}

/** Throws InputError with the packages of Debian that have a program if it is not in PATH. */
export function requireProgram(name: string, packages: string): void {
  if (spawnSync(name, ['--version']).error) throw new InputError(`${name} is not in PATH: apt-get install ${packages}`)
}
