import { ContractError } from '../util/error.ts'
import { linkShader } from '../wgsl/link.ts'
import { type EntryFacts, reflectShader } from '../wgsl/reflect.ts'
import type { Device } from './device.ts'
import { GpuError } from './device.ts'

/** A shader's entry point with its override constants: what a pipeline is made from. */
export interface PipelineKey {
  shader: string
  entry: string
  constants: Record<string, number>
}

export interface Pipeline {
  gpu: GPUComputePipeline
  layout: GPUBindGroupLayout
  facts: EntryFacts
}

const ACCESS = { read: 'read-only-storage', read_write: 'storage', uniform: 'uniform' } as const

const texts = new Map<string, string>()
const facts = new Map<string, Map<string, EntryFacts>>()

function textOf(shader: string): string {
  const known = texts.get(shader) ?? linkShader(shader)
  texts.set(shader, known)
  return known
}

function nameOf(key: PipelineKey): string {
  const constants = Object.entries(key.constants).sort(([a], [b]) => (a < b ? -1 : 1))
  return `${key.shader}:${key.entry} ${JSON.stringify(constants)}`
}

/** The reflected facts of an entry point; needs no device. */
export function entryFacts(key: PipelineKey): EntryFacts {
  const id = `${key.shader} ${JSON.stringify(key.constants)}`
  const entries = facts.get(id) ?? reflectShader(key.shader, textOf(key.shader), key.constants)
  facts.set(id, entries)
  const entry = entries.get(key.entry)
  if (!entry) throw new ContractError(key.shader, 'entry point', key.entry, `one of ${[...entries.keys()]}`)
  return entry
}

/** The compute pipelines of a device, made once per (shader, entry point, constants), in parallel where asked together. */
export class Pipelines {
  private readonly device: Device
  private readonly modules = new Map<string, GPUShaderModule>()
  private readonly made = new Map<string, Promise<Pipeline>>()

  constructor(device: Device) {
    this.device = device
  }

  /** Has the adapter start with these pipelines. A failure is thrown by the `get` that needs it. */
  begin(wanted: readonly { key: PipelineKey }[]): void {
    for (const { key } of wanted) this.get(key).catch(() => undefined)
  }

  get(key: PipelineKey): Promise<Pipeline> {
    const name = nameOf(key)
    const known = this.made.get(name) ?? this.make(key, name)
    this.made.set(name, known)
    return known
  }

  private async make(key: PipelineKey, label: string): Promise<Pipeline> {
    const reflected = entryFacts(key)
    const layout = this.device.gpu.createBindGroupLayout({
      label,
      entries: reflected.bindings.map(({ binding, access }) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: ACCESS[access] },
      })),
    })
    const module = this.module(key.shader)
    try {
      const gpu = await this.device.gpu.createComputePipelineAsync({
        label,
        layout: this.device.gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: key.entry, constants: key.constants },
      })
      return { gpu, layout, facts: reflected }
    } catch (error) {
      const { messages } = await module.getCompilationInfo()
      const lines = messages.map(m => `${key.shader}.wgsl (linked) ${m.lineNum}:${m.linePos} ${m.message}`)
      throw new GpuError([`${label}: no pipeline`, ...lines, (error as Error).message].join('\n'))
    }
  }

  private module(shader: string): GPUShaderModule {
    const known =
      this.modules.get(shader) ?? this.device.gpu.createShaderModule({ label: shader, code: textOf(shader) })
    this.modules.set(shader, known)
    return known
  }
}
