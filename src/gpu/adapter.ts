import { create, globals } from 'webgpu'
import type { SubgroupMatrix } from '../graph/kernel.ts'
import { InputError } from '../util/error.ts'
import {
  chosenDrivers,
  installSoftwareAdapter,
  softwareAdapterInstalled,
  softwareAdapterName,
  softwareAdapterSupported,
  useSoftwareAdapter,
  vulkanLoaderPresent,
} from './software.ts'

/** No WebGPU adapter can be had; the message is one line that says what to do about it. */
export class NoAdapterError extends Error {
  override name = 'NoAdapterError'
}

/** What the adapter says of itself, as plain data. */
export interface AdapterInfo {
  /** e.g. 'nvidia', 'mesa', 'google' */
  vendor: string
  architecture: string
  device: string
  /** driver and version */
  description: string
  subgroupMinSize: number
  subgroupMaxSize: number
  /** shapes of subgroup matrices the adapter multiplies; empty without the feature or where the driver cannot */
  subgroupMatrices: readonly SubgroupMatrix[]
}

export interface OpenAdapter {
  /** Dawn's instance. Its collection would end the process while devices live, so this module keeps it as well. */
  gpu: GPU
  adapter: GPUAdapter
  /** readable, e.g. 'llvmpipe: Mesa 26.1.6 (LLVM 19.1.7)' */
  name: string
  /** runs on the processor */
  software: boolean
  info: AdapterInfo
}

// The one API per platform that has all of WebGPU: OpenGL and Direct3D 11 give Dawn its compatibility mode only.
const backend = process.platform === 'darwin' ? 'metal' : process.platform === 'win32' ? 'd3d12' : 'vulkan'

// allow_unsafe_apis: subgroup matrices are experimental in Dawn. vulkan_enable_f16_on_nvidia: without it Dawn hides
// shader-f16 and all f16 matrix shapes there. timestamp_quantization rounds timestamps to 65.5 µs. An adapter that a
// toggle does not concern ignores it.
const createOptions = [
  `backend=${backend}`,
  'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia',
  'disable-dawn-features=timestamp_quantization',
]

const instances: GPU[] = []

function createInstance(...options: string[]): GPU {
  // GPUBufferUsage, GPUMapMode and the classes, as a browser has them
  if (instances.length === 0) Object.assign(globalThis, globals)
  const gpu = create([...createOptions, ...options])
  instances.push(gpu)
  return gpu
}

/** Dawn has no call to enumerate adapters, but asked for a name that none has it lists them all. */
async function adapterNames(): Promise<string[]> {
  try {
    await createInstance('adapter=\u0001').requestAdapter()
    return []
  } catch (error) {
    return parseAdapterNames(String((error as Error).message), backend)
  }
}

/** The names out of Dawn's "Available adapters" message, of one backend, each once. */
export function parseAdapterNames(message: string, ofBackend: string): string[] {
  const lines = [...message.matchAll(/^ \* backend: '(.*?)', name: '(.*)'$/gm)]
  return [...new Set(lines.filter(([, of]) => of === ofBackend).map(([, , name]) => name!))]
}

/** `wanted` is a part of the name in any case, or an index into `names`: a number of one or two digits ('4090' is a name). */
export function matchAdapterName(names: readonly string[], wanted: string): string | undefined {
  const part = wanted.trim().toLowerCase()
  if (/^\d{1,2}$/.test(part)) return names[Number(part)]
  return names.find(name => part !== '' && name.toLowerCase().includes(part))
}

/** Mesa's lavapipe (26.1) lists subgroup matrices at any width, and dies compiling them where a subgroup is not their 8 rows. */
function multipliesMatrices({ vendor, architecture, subgroupMaxSize = 128 }: GPUAdapterInfo): boolean {
  return !(vendor === 'mesa' && architecture === 'software') || subgroupMaxSize === 8
}

function plainInfo(info: GPUAdapterInfo): AdapterInfo {
  const { subgroupMatrixConfigs = [] } = info as GPUAdapterInfo & { subgroupMatrixConfigs?: SubgroupMatrix[] }
  const matrices = multipliesMatrices(info) ? subgroupMatrixConfigs : []
  return {
    vendor: info.vendor,
    architecture: info.architecture,
    device: info.device,
    description: info.description,
    subgroupMinSize: info.subgroupMinSize ?? 4, // the bounds WebGPU names for "unknown"
    subgroupMaxSize: info.subgroupMaxSize ?? 128,
    subgroupMatrices: matrices.map(({ componentType, resultComponentType, M, N, K }) => {
      return { componentType, resultComponentType, M, N, K }
    }),
  }
}

/** `name` undefined: the best there is. */
async function request(name?: string): Promise<OpenAdapter | undefined> {
  const gpu = createInstance(...(name === undefined ? [] : [`adapter=${name}`]))
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) return undefined
  const info = plainInfo(adapter.info)
  const software = adapter.info.isFallbackAdapter
  return { gpu, adapter, name: readableName(info, software, name), software, info }
}

function readableName(info: AdapterInfo, software: boolean, name = info.device): string {
  if (software) return info.description
  return info.description ? `${name} (${info.description})` : name
}

/** Brings SwiftShader in, where it is installed and the user chose no drivers. */
function fallBack(): boolean {
  if (!softwareAdapterInstalled() || chosenDrivers()) return false
  useSoftwareAdapter()
  return true
}

/** The names after which an adapter can be opened; a Vulkan loader without a driver counts as nothing. */
async function availableNames(): Promise<string[]> {
  const names = await adapterNames()
  return names.length === 0 && fallBack() ? adapterNames() : names
}

async function openBest(): Promise<OpenAdapter | undefined> {
  const best = (await request()) ?? (fallBack() ? await request() : undefined)
  if (!best || best.software) return best
  // Dawn gives the name back in lower case with dashes only
  const names = await adapterNames()
  const name = names.find(each => each.toLowerCase().replace(/[^a-z0-9]/g, '-') === best.info.device)
  return { ...best, name: readableName(best.info, false, name) }
}

async function openNamed(wanted: string): Promise<OpenAdapter | undefined> {
  const names = await availableNames()
  const name = matchAdapterName(names, wanted)
  if (name !== undefined) return request(name)
  if (names.length === 0) return undefined
  if (matchAdapterName([softwareAdapterName], wanted) && fallBack()) return request(softwareAdapterName)
  const there = names.map((each, index) => `${index}: ${each}`).join(', ')
  throw new InputError(`adapter ${JSON.stringify(wanted)}: expected an index or a part of a name of ${there}`)
}

function noAdapter(): NoAdapterError {
  const drivers = chosenDrivers()
  if (drivers) return new NoAdapterError(`no adapter among the drivers that the environment names: ${drivers}`)
  if (softwareAdapterSupported && !softwareAdapterInstalled())
    return new NoAdapterError('no GPU adapter on this machine; run: sadaan-gpu doctor --install-software-gpu')
  return new NoAdapterError(`no GPU adapter on this machine: expected a driver for ${backend}`)
}

/** True where Dawn can be asked without a warning on stderr. Brings the software adapter in where it is the only way. */
function prepareLoader(): boolean {
  if (process.platform !== 'linux' || vulkanLoaderPresent()) return true
  if (!softwareAdapterInstalled()) return false
  useSoftwareAdapter()
  return true
}

/**
 * Opens an adapter for this process.
 * @param wanted part of a name (any case) or an index into `listAdapters()`; without it the best: a discrete GPU, an
 *   integrated one, then software. The installed software adapter is also found by name on a machine that has a GPU.
 * @throws NoAdapterError when there is none, InputError when `wanted` is none of those there are
 */
export async function openAdapter(wanted?: string): Promise<OpenAdapter> {
  if (!prepareLoader()) throw noAdapter()
  const opened = wanted === undefined ? await openBest() : await openNamed(wanted)
  if (!opened) throw noAdapter()
  return opened
}

/** Every adapter this process can open, in the order of their indices; empty when there is none. */
export async function listAdapters(): Promise<OpenAdapter[]> {
  if (!prepareLoader()) return []
  const opened = []
  for (const name of await availableNames()) opened.push(await request(name))
  return opened.filter(adapter => adapter !== undefined)
}

/**
 * Like `openAdapter`, for the commands that set a bare machine up themselves: where there is no adapter and the
 * software adapter can be had, it is installed first.
 * @throws SoftwareAdapterError when that fails, NoAdapterError where it cannot help
 */
export async function ensureAdapter(onProgress: (line: string) => void, wanted?: string): Promise<OpenAdapter> {
  try {
    return await openAdapter(wanted)
  } catch (error) {
    const helps = softwareAdapterSupported && !softwareAdapterInstalled() && !chosenDrivers()
    if (!(error instanceof NoAdapterError && helps)) throw error
  }
  await installSoftwareAdapter(onProgress)
  return openAdapter(wanted)
}
