import type { Precision } from '../graph/tensor.ts'
import { ContractError, messageOf } from '../util/error.ts'
import { linkShader } from '../wgsl/link.ts'
import { type EntryFacts, reflectShader } from '../wgsl/reflect.ts'
import type { Device } from './device.ts'
import { GpuError } from './device.ts'

/** What a pipeline is made from: a shader, an entry point and override constants. */
export interface PipelineKey {
  shader: string
  entry: string
  constants: Record<string, number>
  /** storage type of activations; f32 by default */
  activation?: Precision
  /** whether it applies a batch norm to its source on load */
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

/** Identifies a linked text: shader, activation type and form of the source. */
export function moduleName({ shader, activation = 'f32', normalised }: PipelineKey): string {
  return [shader, ...(activation === 'f32' ? [] : [activation]), ...(normalised ? ['normalised'] : [])].join(' ')
}

function textOf(key: PipelineKey): string {
  const name = moduleName(key)
  const known = texts.get(name) ?? linkShader(key.shader, key)
  texts.set(name, known)
  return known
}

/** The linked text, entry point and constants. */
export function pipelineName(key: PipelineKey): string {
  const constants = Object.entries(key.constants).sort(([a], [b]) => (a < b ? -1 : 1))
  return `${moduleName(key)}:${key.entry} ${JSON.stringify(constants)}`
}

/** The reflected facts of an entry point. They do not depend on the activation type. Needs no device. */
export function entryFacts(key: PipelineKey): EntryFacts {
  const f32: PipelineKey = { ...key, activation: 'f32' }
  const id = `${moduleName(f32)} ${JSON.stringify(key.constants)}`
  const entries = facts.get(id) ?? reflectShader(key.shader, textOf(f32), key.constants)
  facts.set(id, entries)
  const entry = entries.get(key.entry)
  if (!entry) throw new ContractError(key.shader, 'entry point', key.entry, `one of ${[...entries.keys()]}`)
  return entry
}

/** The compute pipelines of a device, created once per key. Concurrent requests compile in parallel. */
export class Pipelines {
  private readonly device: Device
  private readonly modules = new Map<string, GPUShaderModule>()
  private readonly made = new Map<string, Promise<Pipeline>>()
  private compiled = 0
  /** called after each compilation with the number of compiled pipelines and of all requested so far */
  onCompiled: ((done: number, all: number) => void) | undefined

  constructor(device: Device) {
    this.device = device
  }

  /** Starts compiling these pipelines. A failure is thrown by the `get` that needs the pipeline. */
  begin(wanted: readonly { key: PipelineKey }[]): void {
    for (const { key } of wanted) this.get(key).catch(() => undefined)
  }

  get(key: PipelineKey): Promise<Pipeline> {
    const name = pipelineName(key)
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
      this.onCompiled?.(++this.compiled, this.made.size)
      return { gpu, layout, facts: reflected }
    } catch (error) {
      this.device.throwIfLost()
      const { messages } = await module.getCompilationInfo()
      const lines = messages.map(m => `${key.shader} (linked) ${m.lineNum}:${m.linePos} ${m.message}`)
      throw new GpuError([`${label}: no pipeline`, ...lines, messageOf(error)].join('\n'))
    }
  }

  private module(key: PipelineKey): GPUShaderModule {
    const label = moduleName(key)
    const known = this.modules.get(label) ?? this.device.gpu.createShaderModule({ label, code: textOf(key) })
    this.modules.set(label, known)
    return known
  }
}
