import { z } from 'zod'
import { bootstrapIntervals } from '../evaluate/bootstrap.ts'
import { signedRankP } from '../evaluate/signed_rank.ts'
import type { PairedComparison, PairedDifference, ScoredPair } from '../report/score.ts'
import { InputError } from '../util/error.ts'
import { parseJson } from '../util/json.ts'
import { listed } from '../util/listing.ts'
import { mean } from '../util/statistics.ts'
import { readText } from '../util/whole_file.ts'

const metric = z.number().nullable()
const schema = z.looseObject({
  cases: z
    .array(
      z.looseObject({
        scan: z.string(),
        subject: z.string(),
        structure: z.string(),
        dice: metric,
        hd95: metric,
        true_voxels: z.number(),
      }),
    )
    .min(1),
})

type ComparedPair = Pick<ScoredPair, 'scan' | 'subject' | 'structure' | 'dice' | 'hd95' | 'true_voxels'>

const METRICS = ['dice', 'hd95'] as const
type Metric = (typeof METRICS)[number]

export interface ComparisonRequest {
  scored: readonly ComparedPair[]
  structureNames: readonly string[]
  /** path of the JSON of another `score` or `cross-validate` */
  against: string
  /** of the bootstrap */
  seed: number
}

/**
 * Compares scored pairs with those of another report, subject by subject. Of a subject counts the mean over its scans, and without a structure
 * the mean over its structures, where both reports define the metric. Throws InputError if the file is no such report, or it has no subject in
 * common, or other labels.
 */
export function compareWith({ scored, structureNames, against, seed }: ComparisonRequest): PairedComparison {
  const { cases: others } = parseJson(readText(against, 'the JSON of a score or a cross-validation'), against, schema)
  const twins = twinsIn(scored, others, against)
  const subjects = (pairs: readonly ComparedPair[]): string[] => [...new Set(pairs.map(({ subject }) => subject))]
  const without = (names: string[], pairs: readonly ComparedPair[]): string[] => {
    const known = new Set(subjects(pairs))
    return names.filter(name => !known.has(name)).sort()
  }
  const rows = METRICS.flatMap(each => [null, ...structureNames].map(name => rowOf(twins, each, name, seed)))
  return {
    against,
    test: 'wilcoxon signed-rank, exact, two-sided',
    only_here: without(subjects(scored), others),
    only_there: without(subjects(others), scored),
    differences: rows.filter(row => row !== undefined),
  }
}

/** The same pair in both reports. */
interface Twins {
  own: ComparedPair
  other: ComparedPair
}

function twinsIn(scored: readonly ComparedPair[], others: readonly ComparedPair[], against: string): Twins[] {
  const keyOf = ({ scan, structure }: ComparedPair): string => `${scan}\0${structure}`
  const byKey = new Map(others.map(pair => [keyOf(pair), pair]))
  const twins = scored.flatMap(own => {
    const other = byKey.get(keyOf(own))
    return other ? [{ own, other }] : []
  })
  if (twins.length === 0)
    throw new InputError(
      `${against}: scores ${listed([...new Set(others.map(({ scan }) => scan))])}: no scan with a structure in common`,
    )
  const unlike = twins.find(({ own, other }) => own.true_voxels !== other.true_voxels)
  if (unlike) {
    const { scan, structure, true_voxels } = unlike.own
    throw new InputError(
      `${against}: the label of ${scan} has ${unlike.other.true_voxels} voxels of ${structure}, here ${true_voxels}; expected a score against the same labels`,
    )
  }
  return twins
}

/** Undefined if no subject has the metric in both reports. */
function rowOf(
  twins: readonly Twins[],
  metric: Metric,
  structure: string | null,
  seed: number,
): PairedDifference | undefined {
  const bySubject = new Map<string, { own: number[]; other: number[] }>()
  for (const { own, other } of twins) {
    if (structure !== null && own.structure !== structure) continue
    if (own[metric] === null || other[metric] === null) continue
    const values = bySubject.get(own.subject) ?? { own: [], other: [] }
    bySubject.set(own.subject, values)
    values.own.push(own[metric])
    values.other.push(other[metric])
  }
  if (bySubject.size === 0) return undefined
  const means = [...bySubject.values()].map(({ own, other }) => ({ own: mean(own)!, other: mean(other)! }))
  const differences = means.map(({ own, other }) => own - other)
  const ratio = {
    numerator: Float64Array.from(differences),
    denominator: new Float64Array(differences.length).fill(1),
  }
  const [interval] = bootstrapIntervals([[ratio]], differences.length, seed)
  return {
    metric,
    structure,
    num_subjects: differences.length,
    mean: mean(means.map(({ own }) => own))!,
    other_mean: mean(means.map(({ other }) => other))!,
    difference: mean(differences)!,
    interval: interval!,
    p_value: signedRankP(differences),
  }
}
