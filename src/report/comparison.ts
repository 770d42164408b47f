import { z } from 'zod'
import { InputError } from '../util/error.ts'
import { jsonValue } from '../util/json.ts'
import { type Interval, LEAST_FOR_INTERVAL } from './detailed_metrics.ts'

const metric = z.number().nullable()
const maybe = metric.optional()
/** one model, or those that were averaged */
const weights = z.union([z.string(), z.array(z.string())])
const interval = z.tuple([z.number(), z.number()]).nullable().optional()

const presenceMetrics = z.object({
  accuracy: metric,
  f1_score: maybe,
  support_positive: z.number().optional(),
  support_negative: z.number().optional(),
})

/** What a comparison reads from detailed_metrics.json. Keys that the original does not write are optional. */
const schema = z.object({
  evaluated: z.object({ weights, split: z.string(), presence_threshold: z.number() }).optional(),
  num_samples: z.number().optional(),
  presence_overall_accuracy: metric,
  presence_per_structure: z.record(z.string(), presenceMetrics),
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
  /** the number of samples that each value is taken over; null if the file does not say */
  samples: (number | null)[]
}

/** Too few samples for an interval, or for calling a difference one. */
export function isFew(samples: number | null | undefined): boolean {
  return typeof samples === 'number' && samples < LEAST_FOR_INTERVAL
}

/** The number of samples of a split; files without `num_samples` show it by the known pairs of a structure. */
export function samplesOf({ metrics }: ComparedSplit): number | null {
  const known = Object.values(metrics.presence_per_structure).flatMap(each => supportOf(each) ?? [])
  return metrics.num_samples ?? (known.length ? Math.max(...known) : null)
}

function supportOf({ support_positive, support_negative }: z.infer<typeof presenceMetrics>): number | null {
  return support_positive === undefined || support_negative === undefined ? null : support_positive + support_negative
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
    intervals: splits.map(split =>
      isFew(samplesOf(split)) ? null : (intervalOf?.(split.metrics.confidence_intervals ?? {}) ?? null),
    ),
    samples: splits.map(samplesOf),
  })).filter(({ values }) => values.some(value => value !== null))
}

/** Dice of every structure that occurs in any split. */
export function diceRows(splits: readonly ComparedSplit[]): ComparedRow[] {
  return rowsOver(
    splits,
    ({ segmentation_per_structure }) => segmentation_per_structure,
    structure => (structure.num_samples === 0 ? null : structure.mean_dice),
    structure => structure.num_samples ?? null,
    (metrics, name) => metrics.confidence_intervals?.dice_per_structure?.[name],
  )
}

/** Presence accuracy, or F1, of every structure that occurs in any split. Other programs write 0 for the F1 of a structure without positives. */
export function presenceRows(splits: readonly ComparedSplit[], key: 'accuracy' | 'f1_score'): ComparedRow[] {
  return rowsOver(
    splits,
    ({ presence_per_structure }) => presence_per_structure,
    structure => (key === 'f1_score' && structure.support_positive === 0 ? null : structure[key]),
    supportOf,
  )
}

/** Scenario accuracy: the fraction of samples in which every structure was predicted correctly. */
export function scenarioRows(splits: readonly ComparedSplit[]): ComparedRow[] {
  return rowsOver(
    splits,
    ({ scenario_based }) => scenario_based ?? {},
    scenario => (scenario.num_samples === 0 ? null : scenario.accuracy),
    scenario => scenario.num_samples,
  )
}

function rowsOver<T>(
  splits: readonly ComparedSplit[],
  thingsOf: (metrics: ComparedMetrics) => Record<string, T>,
  metricOf: (thing: T) => number | null | undefined,
  countOf: (thing: T) => number | null,
  intervalOf: (metrics: ComparedMetrics, name: string) => Interval | undefined = () => null,
): ComparedRow[] {
  const names = [...new Set(splits.flatMap(({ metrics }) => Object.keys(thingsOf(metrics))))]
  return names.map(name => {
    const found = splits.map(({ metrics }) => {
      const things = thingsOf(metrics)
      return Object.hasOwn(things, name) ? things[name]! : null
    })
    const samples = found.map(thing => thing && countOf(thing))
    return {
      name,
      values: found.map(thing => (thing && metricOf(thing)) ?? null),
      intervals: splits.map(({ metrics }, i) => (isFew(samples[i]) ? null : (intervalOf(metrics, name) ?? null))),
      samples,
    }
  })
}

/** Test minus training; null if either is undefined. Negative: worse on test. */
export function gapOf({ values }: ComparedRow): number | null {
  const [train, , test] = values
  return train === null || train === undefined || test === null || test === undefined ? null : test - train
}

/** Whether training or test has too few samples for a gap to mean much. */
export function isChancy({ samples: [train, , test] }: ComparedRow): boolean {
  return isFew(train) || isFew(test)
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
