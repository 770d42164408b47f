import { z } from 'zod'
import { InputError } from '../util/error.ts'
import { jsonValue } from '../util/json.ts'
import type { Interval } from './detailed_metrics.ts'

const metric = z.number().nullable()
const maybe = metric.optional()
const interval = z.tuple([z.number(), z.number()]).nullable().optional()

/** What a comparison reads from detailed_metrics.json. Keys that the original does not write are optional. */
const schema = z.object({
  presence_overall_accuracy: metric,
  presence_per_structure: z.record(z.string(), z.object({ accuracy: metric, f1_score: maybe })),
  segmentation_per_structure: z.record(z.string(), z.object({ mean_dice: metric, num_samples: z.number().optional() })),
  segmentation_overall: z.object({ mean_dice: metric, mean_iou: metric }),
  segmentation_overall_gated: z.object({ mean_dice: metric }).optional(),
  scenario_based: z.record(z.string(), z.object({ accuracy: metric, num_samples: z.number() })).optional(),
  absence_overall: z.object({ sensitivity: metric, specificity: metric }).optional(),
  confidence_intervals: z
    .object({
      presence_overall_accuracy: interval,
      absence_sensitivity: interval,
      absence_specificity: interval,
      mean_dice: interval,
      mean_iou: interval,
      dice_per_structure: z.record(z.string(), interval).optional(),
    })
    .optional(),
})

type ComparedMetrics = z.infer<typeof schema>

export const COMPARED_SPLITS = ['train', 'val', 'test'] as const

/** The metrics of a split, and the file they come from. */
export interface ComparedSplit {
  name: (typeof COMPARED_SPLITS)[number]
  path: string
  metrics: ComparedMetrics
}

/** One metric on every split; null where a split lacks it. */
export interface ComparedRow {
  name: string
  values: (number | null)[]
  intervals: Interval[]
}

/**
 * Parses the detailed_metrics.json of this program or of the original. Python's NaN and Infinity become null.
 * Throws an InputError that names the file and the key.
 */
export function parseCompared(text: string, name: ComparedSplit['name'], path: string): ComparedSplit {
  const value = jsonValue(withoutNonFinite(text), path)
  const parsed = schema.safeParse(value)
  if (parsed.success) return { name, path, metrics: parsed.data }
  const issue = parsed.error.issues[0]!
  const where = issue.path.length ? `${issue.path.join('.')}: ` : ''
  throw new InputError(`${path}: not the detailed_metrics.json of an evaluation (${where}${issue.message})`)
}

/** JSON text of the same length with null for the numbers that Python writes outside of JSON, so that positions stay true. */
function withoutNonFinite(text: string): string {
  return text.replace(
    /("(?:[^"\\]|\\.)*")|-?\b(?:NaN|Infinity)\b/g,
    (found, quoted) => quoted ?? 'null'.padEnd(found.length),
  )
}

type Intervals = Partial<NonNullable<ComparedMetrics['confidence_intervals']>>

const OVERALL: readonly {
  name: string
  metricOf(metrics: ComparedMetrics): number | null | undefined
  intervalOf?(intervals: Intervals): Interval | undefined
}[] = [
  {
    name: 'presence accuracy',
    metricOf: metrics => metrics.presence_overall_accuracy,
    intervalOf: intervals => intervals.presence_overall_accuracy,
  },
  {
    name: 'absence sensitivity',
    metricOf: metrics => metrics.absence_overall?.sensitivity,
    intervalOf: intervals => intervals.absence_sensitivity,
  },
  {
    name: 'absence specificity',
    metricOf: metrics => metrics.absence_overall?.specificity,
    intervalOf: intervals => intervals.absence_specificity,
  },
  {
    name: 'mean Dice',
    metricOf: metrics => metrics.segmentation_overall.mean_dice,
    intervalOf: intervals => intervals.mean_dice,
  },
  { name: 'mean Dice, gated', metricOf: metrics => metrics.segmentation_overall_gated?.mean_dice },
  {
    name: 'mean IoU',
    metricOf: metrics => metrics.segmentation_overall.mean_iou,
    intervalOf: intervals => intervals.mean_iou,
  },
]

/** The main metrics that at least one split has. */
export function overallRows(splits: readonly ComparedSplit[]): ComparedRow[] {
  return OVERALL.map(({ name, metricOf, intervalOf }) => ({
    name,
    values: splits.map(({ metrics }) => metricOf(metrics) ?? null),
    intervals: splits.map(({ metrics }) => intervalOf?.(metrics.confidence_intervals ?? {}) ?? null),
  })).filter(({ values }) => values.some(value => value !== null))
}

/** Dice of every structure that occurs in any split. */
export function diceRows(splits: readonly ComparedSplit[]): ComparedRow[] {
  return rowsOver(
    splits,
    ({ segmentation_per_structure }) => segmentation_per_structure,
    structure => structure.mean_dice,
    (metrics, name) => metrics.confidence_intervals?.dice_per_structure?.[name],
  )
}

/** Presence accuracy, or F1, of every structure that occurs in any split. */
export function presenceRows(splits: readonly ComparedSplit[], key: 'accuracy' | 'f1_score'): ComparedRow[] {
  return rowsOver(
    splits,
    ({ presence_per_structure }) => presence_per_structure,
    structure => structure[key],
  )
}

/** Scenario accuracy: the fraction of samples in which every structure was predicted correctly. */
export function scenarioRows(splits: readonly ComparedSplit[]): ComparedRow[] {
  return rowsOver(
    splits,
    ({ scenario_based }) => scenario_based ?? {},
    scenario => scenario.accuracy,
  )
}

function rowsOver<T>(
  splits: readonly ComparedSplit[],
  thingsOf: (metrics: ComparedMetrics) => Record<string, T>,
  metricOf: (thing: T) => number | null | undefined,
  intervalOf: (metrics: ComparedMetrics, name: string) => Interval | undefined = () => null,
): ComparedRow[] {
  const names = [...new Set(splits.flatMap(({ metrics }) => Object.keys(thingsOf(metrics))))]
  return names.map(name => ({
    name,
    values: splits.map(({ metrics }) => {
      const things = thingsOf(metrics)
      return Object.hasOwn(things, name) ? (metricOf(things[name]!) ?? null) : null
    }),
    intervals: splits.map(({ metrics }) => intervalOf(metrics, name) ?? null),
  }))
}

/** Test minus training; null if either is undefined. Negative: worse on test. */
export function gapOf({ values }: ComparedRow): number | null {
  const [train, , test] = values
  return train === null || train === undefined || test === null || test === undefined ? null : test - train
}

/** Rows that have a gap, largest drop first. */
export function byGap(rows: readonly ComparedRow[]): { row: ComparedRow; gap: number }[] {
  return rows
    .flatMap(row => {
      const gap = gapOf(row)
      return gap === null ? [] : [{ row, gap }]
    })
    .sort((a, b) => a.gap - b.gap)
}
