import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { readNifti } from '../../src/data/scan/nifti/read.ts'
import { voxelVolume } from '../../src/data/scan/spacing.ts'
import { rocAuc } from '../../src/evaluate/ranking.ts'
import { InputError } from '../../src/util/error.ts'
import { isFolder } from '../../src/util/files/lookup.ts'
import { parseJson } from '../../src/util/json.ts'
import { mean } from '../../src/util/statistics.ts'
import { readText } from '../../src/util/whole_file.ts'
import type { AbsenceSet, Crop } from './absence_set.ts'

/** What a tool says of one structure in one crop. */
interface Answer {
  /** of the mask, ml */
  volume: number
  /** undefined for tools that only draw masks */
  probability?: number
  /** by the tool's own rule; undefined for tools that only draw masks */
  isPresent?: boolean
}

/** A known pair of crop and structure, with the answer. */
interface Judged extends Answer {
  present: boolean
}

/** How presence is read from an answer. */
export type Rule = 'presence' | 'volume > 0' | 'volume > best'

/** Absence as the positive class: sensitivity is the share of absent structures that are called absent. */
export interface AbsenceLine {
  tool: string
  rule: Rule
  structure: string
  absent: number
  present: number
  accuracy: number | null
  sensitivity: number | null
  specificity: number | null
  /** of the score behind the rule: probability or volume */
  auc: number | null
  /** mean over absent structures of the volume that the tool draws all the same, ml */
  false_volume_ml: number | null
  /** ml; the threshold of best balanced accuracy on these very crops, known only in hindsight */
  threshold_ml?: number
}

/** The label of the lines over all structures. */
const ALL = 'all'

const presenceJson = z.object({
  samples: z.array(
    z.object({
      scan: z.string(),
      structures: z.record(
        z.string(),
        z.object({
          presence_probability: z.number(),
          present: z.boolean(),
          volume_ml: z.number().nullable(),
        }),
      ),
    }),
  ),
})

/**
 * Compares predictions of a set's test crops with its truth. A prediction is a folder of `predict` (with presence.json) or of label volumes
 * CROP.nii.gz with the set's label values. Throws InputError if a crop is missing.
 */
export function scoreAbsence(set: AbsenceSet, predictions: readonly { tool: string; folder: string }[]): AbsenceLine[] {
  const crops = set.crops.filter(({ part }) => part === 'test')
  if (crops.length === 0) throw new InputError('bench absence: the set has no crops for testing')
  return predictions.flatMap(({ tool, folder }) => {
    if (!isFolder(folder)) throw new InputError(`${folder}: no such folder, expected predictions of the test crops`)
    const isOurs = existsSync(join(folder, 'presence.json'))
    const answers = isOurs ? presenceAnswers(folder) : labelAnswers(folder, set)
    const judged = new Map(set.structures.map(({ name }) => [name, judge(crops, name, answers)]))
    const rules: Rule[] = isOurs ? ['presence', 'volume > 0', 'volume > best'] : ['volume > 0', 'volume > best']
    return rules.flatMap(rule => {
      const lines = [...judged].map(([structure, pairs]) => ({ tool, rule, structure, ...figures(pairs, rule) }))
      return [...lines, { tool, rule, structure: ALL, ...figures([...judged.values()].flat(), rule) }]
    })
  })
}

type AnswerOf = (crop: Crop, structure: string) => Answer

function judge(crops: readonly Crop[], structure: string, answerOf: AnswerOf): Judged[] {
  const known = crops.filter(({ presence }) => presence[structure] !== -1)
  return known.map(crop => ({ ...answerOf(crop, structure), present: crop.presence[structure] === 1 }))
}

function presenceAnswers(folder: string): AnswerOf {
  const path = join(folder, 'presence.json')
  const { samples } = parseJson(readText(path), path, presenceJson)
  const byScan = new Map(samples.map(sample => [sample.scan, sample.structures]))
  return ({ name }, structure) => {
    const found = byScan.get(name)?.[structure]
    if (!found) throw new InputError(`${path}: has no ${structure} of ${name}, expected all test crops`)
    const { presence_probability: probability, present: isPresent, volume_ml: volume } = found
    return { probability, isPresent, volume: volume ?? 0 }
  }
}

function labelAnswers(folder: string, { structures }: AbsenceSet): AnswerOf {
  const volumes = new Map<string, ReadonlyMap<number, number>>()
  return ({ name }, structure) => {
    const found = volumes.get(name) ?? millilitresIn(join(folder, `${name}.nii.gz`))
    volumes.set(name, found)
    const { values } = structures.find(each => each.name === structure)!
    return { volume: values.reduce((sum, value) => sum + (found.get(value) ?? 0), 0) }
  }
}

/** Volume of each label value. */
function millilitresIn(path: string): Map<number, number> {
  const { values, affine } = readNifti(path)
  const voxel = voxelVolume(affine) / 1000
  const found = new Map<number, number>()
  for (const value of values) found.set(value, (found.get(value) ?? 0) + voxel)
  return found
}

function figures(pairs: readonly Judged[], rule: Rule): Omit<AbsenceLine, 'tool' | 'rule' | 'structure'> {
  const threshold = rule === 'volume > best' ? bestThreshold(pairs) : 0
  const isRight = (pair: Judged): number =>
    Number((rule === 'presence' ? pair.isPresent! : pair.volume > threshold) === pair.present)
  const absent = pairs.filter(({ present }) => !present)
  const present = pairs.filter(pair => pair.present)
  const scored = pairs.map(pair => ({
    score: rule === 'presence' ? pair.probability! : pair.volume,
    positive: pair.present,
  }))
  return {
    absent: absent.length,
    present: present.length,
    accuracy: mean(pairs.map(isRight)),
    sensitivity: mean(absent.map(isRight)),
    specificity: mean(present.map(isRight)),
    auc: rocAuc(scored),
    false_volume_ml: mean(absent.map(({ volume }) => volume)),
    ...(rule === 'volume > best' && { threshold_ml: threshold }),
  }
}

/** The volume above which a structure counts as present, for the best mean of sensitivity and specificity; the least of equals. */
function bestThreshold(pairs: readonly Judged[]): number {
  const balanced = (threshold: number): number => {
    const right = (of: boolean): number[] =>
      pairs.filter(({ present }) => present === of).map(({ volume }) => Number(volume > threshold === of))
    return (mean(right(true)) ?? 0) + (mean(right(false)) ?? 0)
  }
  const candidates = [...new Set([0, ...pairs.map(({ volume }) => volume)])].sort((a, b) => a - b)
  return candidates.reduce((best, each) => (balanced(each) > balanced(best) ? each : best))
}
