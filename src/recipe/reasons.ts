import { isJsonObject, type Json } from '../config/json.ts'
import { pythonLiteral } from '../config/spelling.ts'
import { formatBytes } from '../run/memory.ts'
import type { Fingerprint } from './fingerprint_schema.ts'
import { neededExtent } from './frame.ts'
import { intensityRulesFor } from './intensity_plan.ts'
import type { Plan } from './plan.ts'
import type { ImportSettings } from './recipe.ts'

/** A setting of import.json with its value, and why. */
export interface ImportReason {
  setting: string
  value: string
  reason: string
}

/** Why scans are prepared as they are. */
function importReasons(fingerprint: Fingerprint, plan: Plan, settings: ImportSettings): ImportReason[] {
  const { spacing_mm, image_size, patch_stride } = settings
  const { spacing } = fingerprint
  const lines: ImportReason[] = []
  if (spacing_mm) {
    const own = lengths(spacing.map(({ median }) => median))
    const isNative = spacing_mm.join() === spacing.map(({ median }) => median).join()
    const coarser = `coarser than the scans' ${own}: this costs about ${points(plan.candidate.resolutionLoss)} of Dice, and finer voxels would cost more in lost time`
    lines.push({
      setting: 'spacing_mm',
      value: spacing_mm.join(','),
      reason: isNative ? "the scans' own (median)" : coarser,
    })
  }
  lines.push({ setting: 'image_size', value: image_size.join(','), reason: frameReason(fingerprint, plan) })
  if (patch_stride)
    lines.push({
      setting: 'patch_stride',
      value: patch_stride.join(','),
      reason: 'half a patch: every voxel is once away from the edges',
    })
  for (const { channel = 'all channels', rule, reason } of intensityRulesFor(fingerprint))
    lines.push({ setting: `intensity of ${channel}`, value: ruleText(rule), reason })
  return lines
}

function ruleText(rule: ImportSettings['intensity'][number]['rule']): string {
  if (rule.kind === 'zscore') return `mean ± ${rule.deviations} deviations`
  return rule.kind === 'window' ? `window ${rule.low} to ${rule.high}` : `percentiles ${rule.low} to ${rule.high}`
}

/** Why samples have their size. */
function frameReason(fingerprint: Fingerprint, { candidate }: Plan): string {
  const { unit, source } = fingerprint
  const need = `${lengths(neededExtent(fingerprint))} ${unit}`
  if (candidate.form.patchStride)
    return `patches: a frame that holds ${need} would be too coarse, or too large for the memory`
  const padding = `${Math.round(100 * candidate.padding)} % of it is padding`
  if (source === 'dataset') return `a frame with voxels of ${lengths(candidate.spacing)} ${unit}`
  return `holds every structure with a margin, ${need}; ${padding}`
}

export function lengths(values: readonly number[]): string {
  return values.map(value => Number(value.toPrecision(3))).join('×')
}

/** Dice in points, a hundredth each. */
export function points(loss: number): string {
  return `${(100 * loss).toFixed(1)} points`
}

export function durationText(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`
  const minutes = seconds / 60
  return minutes < 90 ? `${minutes.toPrecision(2)} min` : `${(minutes / 60).toPrecision(3)} h`
}

export interface RecipeText {
  fingerprint: Fingerprint
  plan: Plan
  settings: ImportSettings | undefined
  commands: readonly string[]
}

/** README.md of a recipe: what to type, and the value and reason of every key. */
export function reasonsText({ fingerprint, plan, settings, commands }: RecipeText): string {
  const { pace, hours, isGiven, epochs, seconds, counts, batchSize } = plan
  const given = isGiven ? '' : ', the default (`--hours` changes it)'
  const parts = [
    '# Recipe',
    `For ${dataText(fingerprint)}, planned on ${pace.adapter} for ${hours} hours${given}.`,
    ['```sh', ...commands, '```'].join('\n'),
    '`fingerprint.json` describes the data. Options and keys given by hand override the recipe, and you may edit its files.',
    ...(settings
      ? [
          '## How scans are prepared: `import.json`',
          tableText(
            ['setting', 'value', 'reason'],
            importReasons(fingerprint, plan, settings).map(({ setting, value, reason }) => [setting, value, reason]),
          ),
        ]
      : ['## Samples', `Samples of ${plan.candidate.form.size.join('×')}: ${frameReason(fingerprint, plan)}.`]),
    '## How the model is trained: `cfg.json`',
    tableText(
      ['key', 'value', 'reason'],
      plan.decisions.map(({ key, value, reason }) => [`\`${key}\``, `\`${valueText(value)}\``, reason]),
    ),
    'Every other key keeps its default.',
    '## Time and memory',
    `The run takes about ${durationText(seconds)}: ${durationText(pace.opening)} to open the adapter and compile, then ${epochs} epochs of ${Math.floor(counts.training / batchSize)} steps of ${pace.step.toPrecision(3)} s and, where they are due, ${Math.ceil(counts.validation / batchSize)} validation batches of ${pace.validation.toPrecision(3)} s. It holds ${formatBytes(pace.memory)} on the adapter.`,
    `These are measurements of ${pace.steps} training steps and ${pace.batches} validation batches of this shape with this configuration, loading and augmentation included. The counts are for the default splits of \`import\`.`,
  ]
  return `${parts.join('\n\n')}\n`
}

function dataText({ source, subjects, scans, structures, channels }: Fingerprint): string {
  const what = source === 'scans' ? 'scans' : 'training samples'
  const modalities = [...new Set(channels.map(({ modality }) => modality))].filter(name => name !== 'unknown')
  const kind = modalities.length > 0 ? ` (${modalities.join(', ')})` : ''
  const all = `${scans} ${scans === 1 ? what.slice(0, -1) : what}${kind} of ${subjects} ${subjects === 1 ? 'subject' : 'subjects'}`
  return `${all} with ${structures.length} ${structures.length === 1 ? 'structure' : 'structures'}`
}

/** Structures that are shown; the file has all. */
const MOST_SHOWN = 8

/** The fingerprint in a few lines, each of what it is about and of text. */
export function fingerprintLines(fingerprint: Fingerprint): [string, string][] {
  const { size, spacing, extent, unit, orientations, structures, source } = fingerprint
  const medians = (along: Fingerprint['size']): string => lengths(along.map(({ median }) => median))
  const ends = extent.map(({ least, greatest }) => `${lengths([least])}…${lengths([greatest])}`)
  const codes = Object.entries(orientations).map(([code, count]) => `${code} ${count}`)
  const shown = structures.slice(0, MOST_SHOWN).map(({ name, presence_rate, volume, volume_ml }): [string, string] => {
    const rate = presence_rate === null ? 'annotated nowhere' : `in ${Math.round(100 * presence_rate)} %`
    const amount = volume_ml
      ? `, ${lengths([volume_ml.median])} ml`
      : volume
        ? `, ${lengths([volume.median])} voxels`
        : ''
    return ['structure', `${name}: ${rate}${amount}`]
  })
  const more = structures.length - shown.length
  return [
    ['data', dataText(fingerprint)],
    ['size', `${medians(size)} voxels of ${medians(spacing)} ${unit} (medians); ${ends.join(' × ')} ${unit}`],
    ...(codes.length > 0 ? [['orientation', codes.join(', ')] as [string, string]] : []),
    ...shown,
    ...(more > 0 ? [['', `and ${more} more`] as [string, string]] : []),
    ...(source === 'scans'
      ? intensityRulesFor(fingerprint).map(({ channel, rule }): [string, string] => [
          channel === undefined ? 'intensity' : `channel ${channel}`,
          `${fingerprint.channels[Number(channel ?? 0)]!.modality}: ${ruleText(rule)}`,
        ])
      : []),
  ]
}

function valueText(value: Json): string {
  return isJsonObject(value) ? JSON.stringify(value) : pythonLiteral(value)
}

function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}
