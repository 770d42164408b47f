import type { Precision } from '../graph/tensor.ts'
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
  /** what its activations are stored as; f32 unless given */
  activation?: Precision
  /** whether its source lies in front of a batch norm */
  normalised?: boolean
}

export interface Pipeline {
  gpu: GPUComputePipeline
  layout: GPUBindGroupLayout
  facts: EntryFacts
}

const ACCESS = { read: 'read-only-storage', read_write: 'storage', uniform: 'uniform' } as const

const texts = new Map<string, string>()
const facts = new Map<string, Map<string, EntryFacts>>()

/** One name for one text: a shader as its activations are stored and its source is read. */
function moduleName({ shader, activation = 'f32', normalised }: PipelineKey): string {
  return [shader, ...(activation === 'f32' ? [] : [activation]), ...(normalised ? ['normalised'] : [])].join(' ')
}

function textOf(key: PipelineKey): string {
  const name = moduleName(key)
  const known = texts.get(name) ?? linkShader(key.shader, key)
  texts.set(name, known)
  return known
}

function nameOf(key: PipelineKey): string {
  const constants = Object.entries(key.constants).sort(([a], [b]) => (a < b ? -1 : 1))
  return `${moduleName(key)}:${key.entry} ${JSON.stringify(constants)}`
}

/** The reflected facts of an entry point, the same however activations are stored; needs no device. */
export function entryFacts(key: PipelineKey): EntryFacts {
  const f32: PipelineKey = { ...key, activation: 'f32' }
  const id = `${moduleName(f32)} ${JSON.stringify(key.constants)}`
  const entries = facts.get(id) ?? reflectShader(key.shader, textOf(f32), key.constants)
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
    const module = this.module(key)
    try {
      const gpu = await this.device.gpu.createComputePipelineAsync({
        label,
        layout: this.device.gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: key.entry, constants: key.constants },
      })
      return { gpu, layout, facts: reflected }
    } catch (error) {
      const { messages } = await module.getCompilationInfo()
      const lines = messages.map(m => `${key.shader} (linked) ${m.lineNum}:${m.linePos} ${m.message}`)
      throw new GpuError([`${label}: no pipeline`, ...lines, (error as Error).message].join('\n'))
    }
  }

  private module(key: PipelineKey): GPUShaderModule {
    const label = moduleName(key)
    const known = this.modules.get(label) ?? this.device.gpu.createShaderModule({ label, code: textOf(key) })
    this.modules.set(label, known)
    return known
  }
}
