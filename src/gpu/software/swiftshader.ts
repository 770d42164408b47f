import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { userCacheDirectory } from '../../util/cache_directory.ts'
import { messageOf } from '../../util/error.ts'
import { readWhole } from '../../util/whole_file.ts'
import { checkIntegrity, readTar } from './archive.ts'
import { placeFolder } from './placed_folder.ts'
import { SoftwareAdapterError } from './software_error.ts'
import { chooseDriver, LOADER, loadLibrary, vulkanLoaderPresent } from './vulkan_library.ts'

/** The npm package that contains SwiftShader (a Vulkan driver for the CPU, Apache-2.0). */
const source = {
  name: '@sparticuz/chromium',
  version: '147.0.0',
  integrity: 'sha512-4ZKeAQQa8up2mt675qSitztLdbQrlf8BKdC5naeap+5Mv1OV1OlJdPoU+EJC/p5sQUJUQmN4r+q5+EhaaOUHpQ==',
  megabytes: 68,
} as const

/** Its name in Vulkan. */
export const SWIFTSHADER_NAME = 'SwiftShader Device (Subzero)'

/** The package contains libraries for this platform only. */
export const swiftShaderSupported = process.platform === 'linux' && process.arch === 'x64'

const driver = 'libvk_swiftshader.so'
const driverDescription = 'vk_swiftshader_icd.json' // names the driver by a path relative to itself
const licence = 'LICENSE'

export function swiftShaderDirectory(): string {
  return join(userCacheDirectory(), `swiftshader-${source.version}`)
}

export function swiftShaderDescription(): string {
  return join(swiftShaderDirectory(), driverDescription)
}

export function swiftShaderInstalled(): boolean {
  const directory = swiftShaderDirectory()
  return swiftShaderSupported && [driver, LOADER, driverDescription].every(file => existsSync(join(directory, file)))
}

/** Makes the installed SwiftShader the Vulkan driver of this process. A system-wide loader stays in use. Returns why it could not. */
export function useSwiftShader(): string | undefined {
  chooseDriver(swiftShaderDescription())
  return vulkanLoaderPresent() ? undefined : loadLibrary(join(swiftShaderDirectory(), LOADER))
}

/**
 * Downloads SwiftShader with the user's npm into the user's cache, unless it is there already. Needs neither root nor a system package.
 * @param onProgress receives a line before each slow step
 * @throws SoftwareAdapterError
 */
export async function installSwiftShader(onProgress: (line: string) => void): Promise<void> {
  if (swiftShaderInstalled()) return
  if (!swiftShaderSupported)
    throw SoftwareAdapterError.because(`no SwiftShader for ${process.platform} ${process.arch}, expected linux x64`)
  const directory = swiftShaderDirectory()
  onProgress(`Fetching the software adapter SwiftShader (${source.megabytes} MB, once) into ${directory}`)
  try {
    const files = unpack(await fetchPackage())
    await placeFolder(directory, swiftShaderInstalled, async own => {
      for (const [name, bytes] of files) await writeFile(join(own, name), bytes)
    })
  } catch (error) {
    throw SoftwareAdapterError.because(messageOf(error))
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
  const kept = [driver, LOADER, driverDescription].map(name => [name, libraries.get(name)!] as const)
  return new Map([...kept, [licence, files.get('package/LICENSE')!]])
}
