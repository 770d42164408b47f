import type { ModelCard } from '../models/card.ts'
import { namedModels } from '../models/registry.ts'
import { type Column, table } from '../report/text/table.ts'
import { printable } from '../util/listing.ts'
import { UNDEFINED } from '../util/statistics.ts'
import { inspect, type ModelInspection } from './inspect.ts'

/** A model that commands know by name. */
export interface ModelEntry {
  name: string
  model: ModelInspection
}

/** The named models in the order of their names. Throws InputError for a file that is none. */
export async function listModels(): Promise<ModelEntry[]> {
  const entries: ModelEntry[] = []
  for (const { name, path } of namedModels()) entries.push({ name, model: (await inspect(path)) as ModelInspection })
  return entries
}

const left = (heading: string): Column => ({ heading, align: 'left' })
const right = (heading: string): Column => ({ heading, align: 'right' })

/** One row per model; what a user needs to choose one. */
export function modelsText(entries: readonly ModelEntry[]): string {
  if (entries.length === 0)
    return 'no model has a name here; a folder of them can be named by SADAAN_MODELS (docs/models.md)\n'
  const columns = [left('model'), left('segments'), left('structures'), left('voxels'), right('Dice'), right('MB')]
  const rows = entries.map(({ name, model }) => [
    name,
    model.card?.title ?? UNDEFINED,
    model.structure_names?.join(', ') ?? String(model.structures),
    voxelsText(model),
    model.card ? model.card.validation.mean_dice.toFixed(3) : UNDEFINED,
    (model.bytes / 1e6).toFixed(1),
  ])
  return `${table(columns, rows).join('\n')}\n`
}

function voxelsText({ image_size, preparation }: ModelInspection): string {
  const size = image_size.join('×')
  if (preparation?.frame.kind !== 'spacing') return size
  const { frame, image_size: prepared } = preparation
  const spacing = frame.spacing_mm.map((mm, axis) =>
    Number(((mm * prepared[axis]!) / image_size[axis]!).toPrecision(4)),
  )
  return `${size} of ${spacing.join('×')} mm`
}

/** A card in Markdown: the file beside a shipped model, and what `models NAME` prints. */
export function cardText({ name, model }: ModelEntry, card: ModelCard): string {
  const { title, data, licence, training, intended_use, limits, validation } = card
  const { channels, features, parameters, bytes } = model
  const rows = Object.entries(validation.dice).map(([structure, dice]) => `| ${structure} | ${dice.toFixed(3)} |`)
  return [
    `# ${name}`,
    '',
    `${title}. \`sadaan-gpu predict --weights ${name} --input SCAN --output results\``,
    '',
    `Mean Dice, ${validation.method}, ${validation.subjects} subjects:`,
    '',
    '| structure | Dice |',
    '|---|---|',
    ...rows,
    `| mean | ${validation.mean_dice.toFixed(3)} |`,
    '',
    `**Data:** ${data}`,
    '',
    `**Licence:** ${licence}`,
    '',
    `**Training:** ${training}`,
    '',
    `**Model:** ${voxelsText(model)}; channels ${channels.join(', ')}, ${features} features; ${parameters.toLocaleString('en')} parameters, ${(bytes / 1e6).toFixed(1)} MB.`,
    '',
    `**Intended use:** ${intended_use}`,
    '',
    '**Limits:**',
    '',
    ...limits.map(limit => `- ${limit}`),
    '',
  ]
    .map(printable)
    .join('\n')
}
