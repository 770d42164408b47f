import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { userCacheDirectory } from '../util/cache_directory.ts'
import { messageOf } from '../util/error.ts'
import { makeFolders } from '../util/files/folder.ts'
import { readWhole } from '../util/whole_file.ts'
import { checkIntegrity, readTar } from './archive.ts'

/** The npm package that contains SwiftShader (a Vulkan driver for the CPU, Apache-2.0). */
const source = {
  name: '@sparticuz/chromium',
  version: '147.0.0',
  integrity: 'sha512-4ZKeAQQa8up2mt675qSitztLdbQrlf8BKdC5naeap+5Mv1OV1OlJdPoU+EJC/p5sQUJUQmN4r+q5+EhaaOUHpQ==',
  megabytes: 68,
} as const

/** Its name in Vulkan. `compute.adapter` is matched against it if no installed driver matches. */
export const softwareAdapterName = 'SwiftShader Device (Subzero)'

/** The package contains libraries for this platform only. */
export const softwareAdapterSupported = process.platform === 'linux' && process.arch === 'x64'

const driver = 'libvk_swiftshader.so'
const loader = 'libvulkan.so.1'
const driverDescription = 'vk_swiftshader_icd.json' // names the driver by a path relative to itself
const licence = 'LICENSE'

/** The software adapter could not be installed. The message names the step. */
export class SoftwareAdapterError extends Error {
  override name = 'SoftwareAdapterError'
}

export function softwareAdapterDirectory(): string {
  return join(userCacheDirectory(), `swiftshader-${source.version}`)
}

export function softwareAdapterInstalled(): boolean {
  const directory = softwareAdapterDirectory()
  return (
    softwareAdapterSupported && [driver, loader, driverDescription].every(file => existsSync(join(directory, file)))
  )
}

// process.dlopen is meant for addons: it loads the library, throws because no addon registers itself, and closes it.
// With RTLD_NODELETE the library stays loaded under its SONAME, so Dawn's later dlopen("libvulkan.so.1") finds it. That
// avoids LD_LIBRARY_PATH, which would have to be set before node starts.
const RTLD_NODELETE = 0x1000

function load(library: string): boolean {
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | RTLD_NODELETE)
    return true
  } catch (error) {
    return messageOf(error).includes('did not self-register')
  }
}

/** Whether Dawn will find a Vulkan loader. Checked before Dawn starts, because Dawn prints a warning if there is none. */
export function vulkanLoaderPresent(): boolean {
  return load(loader)
}

/** The drivers that the user chose by environment variables; they take precedence. */
export function chosenDrivers(): string | undefined {
  const files = process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES
  return files === join(softwareAdapterDirectory(), driverDescription) ? undefined : files
}

/**
 * Makes the installed SwiftShader the Vulkan driver of this process and its children. Call it before requesting an
 * adapter; no restart is needed. A system-wide loader stays in use: it reads the variables for every new instance.
 * Loaders before 1.3.207 support the second variable only.
 */
export function useSoftwareAdapter(): void {
  const directory = softwareAdapterDirectory()
  if (!chosenDrivers()) {
    process.env.VK_DRIVER_FILES = join(directory, driverDescription)
    process.env.VK_ICD_FILENAMES = join(directory, driverDescription)
  }
  if (!vulkanLoaderPresent()) load(join(directory, loader))
}

/**
 * Downloads SwiftShader with the user's npm into the user's cache, unless it is there already. Needs neither root nor a
 * system package. Several processes may install at the same time: each prepares a separate folder, and the first to
 * rename it into place wins.
 * @param onProgress receives a line before each slow step
 * @throws SoftwareAdapterError
 */
export async function installSoftwareAdapter(onProgress: (line: string) => void): Promise<void> {
  if (softwareAdapterInstalled()) return
  if (!softwareAdapterSupported)
    throw new SoftwareAdapterError(`no software adapter for ${process.platform} ${process.arch}: expected linux x64`)
  const directory = softwareAdapterDirectory()
  onProgress(`Fetching the software adapter SwiftShader (${source.megabytes} MB, once) into ${directory}`)
  try {
    await place(unpack(await fetchPackage()), directory)
  } catch (error) {
    throw new SoftwareAdapterError(`software adapter not installed: ${messageOf(error)}`)
  }
}

async function fetchPackage(): Promise<Buffer> {
  const spec = `${source.name}@${source.version}`
  const folder = await mkdtemp(join(tmpdir(), 'sadaan-gpu-'))
  try {
    await npm('pack', spec, '--pack-destination', folder, '--ignore-scripts')
    const archive = readWhole(join(folder, (await readdir(folder))[0] ?? 'package.tgz'))
    checkIntegrity(spec, archive, source.integrity)
    return archive
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The npm that started this process, if any, to use its settings; otherwise the one in PATH. */
async function npm(...options: string[]): Promise<void> {
  const running = process.env.npm_execpath
  const [file, first] = running?.endsWith('npm-cli.js') ? [process.execPath, [running]] : ['npm', []]
  try {
    await promisify(execFile)(file, [...first, ...options])
  } catch (error) {
    const { code, stderr = '' } = error as { code?: string | number; stderr?: string }
    if (code === 'ENOENT') throw new Error('npm is not in PATH')
    const said = stderr.split('\n').filter(line => /^npm (error|ERR!)/.test(line))
    throw new Error(`npm ${options[0]} ${options[1]}: ${said.slice(0, 3).join('; ') || `exit code ${code}`}`)
  }
}

function unpack(archive: Buffer): Map<string, Buffer> {
  const files = readTar(gunzipSync(archive))
  const libraries = readTar(brotliDecompressSync(files.get('package/bin/swiftshader.tar.br')!))
  const kept = [driver, loader, driverDescription].map(name => [name, libraries.get(name)!] as const)
  return new Map([...kept, [licence, files.get('package/LICENSE')!]])
}

async function place(files: Map<string, Buffer>, directory: string): Promise<void> {
  makeFolders(dirname(directory))
  const own = `${directory}.${randomUUID()}`
  try {
    await mkdir(own)
    for (const [name, bytes] of files) await writeFile(join(own, name), bytes)
    // Folders are renamed into place complete, so an incomplete one was damaged later.
    if (!softwareAdapterInstalled()) await rm(directory, { recursive: true, force: true })
    await rename(own, directory)
  } catch (error) {
    if (!softwareAdapterInstalled()) throw error
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}
