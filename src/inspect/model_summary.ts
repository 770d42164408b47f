import type { Config } from '../config/schema.ts'
import { NoAdapterError } from '../gpu/adapter_info.ts'
import { Device } from '../gpu/device.ts'
import { type AdapterFacts, GUARANTEED_FACTS } from '../graph/kernel.ts'
import { type SadaanShape, widthsText } from '../nn/specification.ts'
import { type LayerSummary, type ModelSummary, summarise } from '../nn/summary.ts'
import type { Choice } from '../plan/lower.ts'
import { table } from '../report/text/table.ts'
import { formatBytes, type MemoryNeed, totalOf } from '../run/memory.ts'
import { openTrainingDataset, shapeFor, wantedAdapter } from '../run/open.ts'
import { knownChoice } from '../run/variants.ts'
import { planTraining } from '../train/training_plans.ts'
import { InputError } from '../util/error.ts'

/** The summary of the model that a configuration describes. */
export interface ModelReport extends ModelSummary {
  shape: SadaanShape
  batchSize: number
  /** bytes for training at this batch size */
  memory: MemoryNeed
  /** the adapter whose limits were used; null: no adapter found, so WebGPU's guaranteed limits */
  adapter: string | null
}

/**
 * The model for a dataset or, if no dataset is given, for model.num_structures and training.image_size. Works without an adapter. Throws
 * InputError if neither determines the model's shape.
 */
export async function reportModel(config: Config, dataset?: string): Promise<ModelReport> {
  const { shape, structureNames } = await shapeOf(config, dataset)
  const { facts, adapter, ...chosen } = await adapterHere(config)
  const batchSize = config.training.batch_size
  const { need: memory } = planTraining(facts, { config, shape, structureNames, batchSize, ...chosen })
  return { ...summarise(shape), shape, batchSize, memory, adapter }
}

async function shapeOf(config: Config, given?: string): Promise<{ shape: SadaanShape; structureNames: string[] }> {
  const { model, training } = config
  const size = training.image_size ?? training.patch_size
  if (given === undefined && model.num_structures !== null && size !== null) {
    const { num_structures: structures, in_channels: inChannels, channels } = model
    const features = model.features ?? undefined
    const structureNames = Array.from({ length: structures }, (_, s) => `structure_${s}`)
    return { shape: { structures, size, inChannels, channels, features }, structureNames }
  }
  const dataset = await openTrainingDataset(config, given).catch((error: unknown) => {
    if (given !== undefined || !(error instanceof InputError)) throw error
    throw new InputError(`${error.message}; without a dataset set model.num_structures and training.image_size`)
  })
  return { shape: shapeFor(config, dataset), structureNames: dataset.structureNames }
}

async function adapterHere(config: Config): Promise<{ facts: AdapterFacts; adapter: string | null; choice?: Choice }> {
  try {
    const device = await Device.open(wantedAdapter(config), config.compute)
    device.close()
    // training, not the summary, warns of unreadable tables
    return { facts: device.facts, adapter: device.name, choice: knownChoice(device, config, () => undefined) }
  } catch (error) {
    if (!(error instanceof NoAdapterError)) throw error
    return { facts: GUARANTEED_FACTS, adapter: null }
  }
}

/** The report as text. */
export function modelText(report: ModelReport): string {
  const { shape, parameters, parametersOf, macs, originalMacs, mergeMacs, memory, adapter, batchSize } = report
  const parts = Object.entries(parametersOf).map(([part, count]) => `${part} ${grouped(count)}`)
  const { lasting, working } = memory
  return [
    `SADAAN: ${shape.structures} structures, ${shape.size.join('×')} voxels, ${shape.inChannels} input, ${widthsText(shape)}`,
    '',
    ...layerTable(report.layers),
    '',
    `parameters  ${grouped(parameters)}: ${parts.join(', ')}`,
    `MACs        ${giga(macs)} per sample forward; the original needs ${giga(originalMacs)}, ${(originalMacs / macs).toPrecision(3)} times as many`,
    `            and ${mega(mergeMacs)} once per step to merge the head's weights with final_conv`,
    `memory      ${formatBytes(totalOf(memory))} to train at batch size ${batchSize}: ${formatBytes(lasting)} lasting, ${formatBytes(working)} working`,
    `            planned for ${adapter ?? 'the limits guaranteed by WebGPU, because no adapter was found'}`,
    '',
  ].join('\n')
}

function layerTable(layers: readonly LayerSummary[]): string[] {
  const left = (heading: string) => ({ heading, align: 'left' as const })
  const right = (heading: string) => ({ heading, align: 'right' as const })
  const columns = [
    left('layer'),
    left('operation'),
    left('output'),
    right('parameters'),
    right('MACs'),
    right('original'),
  ]
  const rows = layers.map(layer => [
    layer.name,
    layer.operation,
    layer.output.join('×'),
    grouped(layer.parameters),
    mega(layer.macs),
    mega(layer.originalMacs),
  ])
  return table(columns, rows)
}

function grouped(count: number): string {
  return count.toLocaleString('en')
}

function giga(macs: number): string {
  return `${(macs / 1e9).toPrecision(4)} G`
}

function mega(macs: number): string {
  if (macs === 0) return '-'
  return `${(macs / 1e6).toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })} M`
}
