import { join } from 'node:path'
import { InputError, messageOf } from '../util/error.ts'
import { listed } from '../util/listing.ts'
import { NoAdapterError, type OpenAdapter, plainInfo, readableName } from './adapter_info.ts'
import { askPatiently } from './patience.ts'
import {
  chosenDrivers,
  forgetOwnDriver,
  installedDrivers,
  installSoftwareAdapter,
  ownDriverChosen,
  softwareAdapterSupported,
} from './software/software.ts'
import { LOADER, loadLibrary, vulkanLoaderPresent } from './software/vulkan_library.ts'

// The only API per platform with full WebGPU: on OpenGL and Direct3D 11 Dawn has just its compatibility mode.
const backend = process.platform === 'darwin' ? 'metal' : process.platform === 'win32' ? 'd3d12' : 'vulkan'

// allow_unsafe_apis: subgroup matrices are experimental in Dawn. vulkan_enable_f16_on_nvidia: without it Dawn hides
// shader-f16 and all f16 matrix shapes on NVIDIA. timestamp_quantization rounds timestamps to 65.5 µs. Other adapters
// ignore a toggle that does not apply.
const createOptions = [
  `backend=${backend}`,
  'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia',
  'disable-dawn-features=timestamp_quantization',
]

const instances: GPU[] = []

/** Loaded when first needed: no other command should fail where Dawn does not load. */
async function loadDawn(): Promise<typeof import('webgpu')> {
  try {
    return await import('webgpu')
  } catch (error) {
    const reason = messageOf(error).split('\n')[0]!
    throw new NoAdapterError(
      `WebGPU cannot be loaded on ${process.platform}-${process.arch} (${reason}); expected macOS, Windows, or Linux with glibc 2.34 or newer, on x64 or arm64`,
    )
  }
}

async function createInstance(...options: string[]): Promise<GPU> {
  const { create, globals } = await loadDawn()
  // GPUBufferUsage, GPUMapMode and the classes, as in a browser
  if (instances.length === 0) {
    Object.assign(globalThis, globals)
    askPatiently()
  }
  const gpu = create([...createOptions, ...options])
  instances.push(gpu)
  return gpu
}

/** Dawn cannot enumerate adapters. But if asked for an unknown name, it lists all names in its error. */
async function adapterNames(): Promise<string[]> {
  try {
    await (await createInstance('adapter=\u0001')).requestAdapter()
    return []
  } catch (error) {
    if (error instanceof NoAdapterError) throw error
    return parseAdapterNames(messageOf(error), backend)
  }
}

/** The names in Dawn's "Available adapters" message for one backend; adapters of one name repeat it. */
export function parseAdapterNames(message: string, ofBackend: string): string[] {
  const lines = [...message.matchAll(/^ \* backend: '(.*?)', name: '(.*)'$/gm)]
  return lines.filter(([, of]) => of === ofBackend).map(([, , name]) => name!)
}

/** `wanted` is part of a name (case-insensitive) or an index into `names` of one or two digits ('4090' is a name). */
export function matchAdapterName(names: readonly string[], wanted: string): string | undefined {
  const part = wanted.trim().toLowerCase()
  if (/^\d{1,2}$/.test(part)) return names[Number(part)]
  return names.find(name => part !== '' && name.toLowerCase().includes(part))
}

/** The best adapter if `name` is undefined. */
async function request(name?: string): Promise<OpenAdapter | undefined> {
  const gpu = await createInstance(...(name === undefined ? [] : [`adapter=${name}`]))
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) return undefined
  const info = plainInfo(adapter.info)
  const software = adapter.info.isFallbackAdapter
  return { gpu, adapter, name: readableName(info, software, name), software, info }
}

/**
 * Falls back to a software adapter that is installed, unless the user chose the drivers: the fastest, or one that `wanted` names. Returns its
 * name; no other adapter can be opened then.
 */
async function fallBack(wanted?: string): Promise<string[]> {
  if (chosenDrivers()) return []
  for (const { name, use } of installedDrivers()) {
    if (wanted !== undefined && matchAdapterName([name], wanted) === undefined) continue
    const names = use() === undefined ? await adapterNames() : []
    if (names.length > 0) return names
  }
  return []
}

/** The names of all adapters. A Vulkan loader without a driver counts as none. */
async function availableNames(): Promise<string[]> {
  const names = await adapterNames()
  return names.length === 0 ? fallBack() : names
}

function different(names: readonly string[]): string[] {
  return [...new Set(names)]
}

async function openBest(): Promise<OpenAdapter | undefined> {
  const best = (await request()) ?? ((await fallBack()).length > 0 ? await request() : undefined)
  if (!best || best.software) return best
  // Dawn returns the name in lower case, with dashes.
  const names = await adapterNames()
  const name = names.find(each => each.toLowerCase().replace(/[^a-z0-9]/g, '-') === best.info.device)
  return { ...best, name: readableName(best.info, false, name) }
}

async function openNamed(wanted: string): Promise<OpenAdapter | undefined> {
  const names = different(await availableNames())
  const name = matchAdapterName(names, wanted)
  if (name !== undefined) return request(name)
  if (names.length === 0) return undefined
  const [software] = await fallBack(wanted)
  if (software !== undefined) return request(software)
  const there = listed(names.map((each, index) => `${index}: ${each}`))
  throw new InputError(`adapter ${JSON.stringify(wanted)}: expected an index or part of a name, one of ${there}`)
}

/** What to install where this program brings no software adapter. */
function remedyOn(platform: NodeJS.Platform): string {
  if (platform === 'darwin') return 'expected a GPU with Metal, which virtual machines often lack'
  if (platform === 'win32') return "expected Direct3D 12: install the driver of the GPU's vendor"
  return 'install a Vulkan driver: that of the GPU, or Mesa lavapipe, which computes on the CPU (mesa-vulkan-drivers 24 or newer)'
}

/** That no adapter can be opened, with the remedy on this system. */
export function noAdapter(): NoAdapterError {
  const drivers = chosenDrivers()
  if (drivers) return new NoAdapterError(`no adapter among the drivers that the environment names: ${drivers}`)
  if (softwareAdapterSupported() && installedDrivers().length === 0)
    return new NoAdapterError('no GPU adapter on this machine; run: sadaan-gpu doctor --install-software-gpu')
  return new NoAdapterError(`no GPU adapter on this machine; ${remedyOn(process.platform)}`)
}

/**
 * Whether Dawn can run without a warning on stderr. Falls back to a software adapter if there is no loader. A child process loads the
 * libraries of the driver that its parent has chosen.
 */
function prepareLoader(): boolean {
  if (process.platform !== 'linux') return true
  ownDriverChosen()?.use()
  if (vulkanLoaderPresent()) return true
  if (chosenDrivers())
    return installedDrivers().some(({ directory }) => loadLibrary(join(directory(), LOADER)) === undefined)
  return installedDrivers().some(({ use }) => use() === undefined)
}

/**
 * Opens an adapter for this process.
 * @param wanted part of a name (case-insensitive) or an index into `listAdapters()`; by default the best: a discrete GPU, an
 *   integrated one, then software. An installed software adapter is also found by name on a machine with a GPU.
 * @throws NoAdapterError if there is no adapter, InputError if none matches `wanted`
 */
export async function openAdapter(wanted?: string): Promise<OpenAdapter> {
  if (!prepareLoader()) throw noAdapter()
  const opened = wanted === undefined ? await openBest() : await openNamed(wanted)
  if (!opened) throw noAdapter()
  return opened
}

/** An adapter by its name, of which the machine may have several: Dawn opens the first of them. */
export interface ListedAdapter extends OpenAdapter {
  /** number of adapters of this name */
  count: number
}

/** All adapters that this process can open, in index order. */
export async function listAdapters(): Promise<ListedAdapter[]> {
  if (!prepareLoader()) return []
  const names = await availableNames()
  const listed: ListedAdapter[] = []
  for (const name of different(names)) {
    const opened = await request(name)
    if (opened) listed.push({ ...opened, count: names.filter(each => each === name).length })
  }
  return listed
}

/**
 * Like `openAdapter`, for commands that set up a bare machine: if there is no adapter, it first installs the software
 * adapter where that is supported.
 * @throws SoftwareAdapterError if the installation fails, NoAdapterError if it is not supported
 */
export async function ensureAdapter(onProgress: (line: string) => void, wanted?: string): Promise<OpenAdapter> {
  try {
    return await openAdapter(wanted)
  } catch (error) {
    const helps = softwareAdapterSupported() && installedDrivers().length === 0 && !chosenDrivers()
    if (!(error instanceof NoAdapterError && helps)) throw error
  }
  await installSoftwareAdapter(onProgress)
  return openAdapter(wanted)
}

/**
 * Installs the fastest software adapter that this system can have without root, unless it has a lavapipe of its own. Returns the name of that.
 * @throws SoftwareAdapterError
 */
export async function improveSoftwareAdapter(onProgress: (line: string) => void): Promise<string | undefined> {
  const own = (await listAdapters()).find(({ software, info }) => software && info.vendor === 'mesa')
  if (!own) {
    await installSoftwareAdapter(onProgress)
    forgetOwnDriver()
  }
  return own?.name
}
