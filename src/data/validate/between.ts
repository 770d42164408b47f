import { basename } from 'node:path'
import { listed } from '../../util/listing.ts'
import type { SplitName } from '../dataset/split.ts'
import { type Findings, rangesText, type Severity } from './findings.ts'
import type { KnownMetadata } from './metadata.ts'
import type { KnownSplit } from './split.ts'

/** A split, and the facts about its volumes. */
export interface Examined extends KnownSplit {
  /** digest of each sample that could be read */
  images: (string | undefined)[]
  masks: (string | undefined)[]
  /** samples whose voxels are all equal */
  constant: Set<number>
  /** of a view: the split that each sample is in; undefined for those in none */
  parts?: readonly (SplitName | undefined)[]
}

/** Compares the splits with each other: channels, sample counts, and images or subjects that occur in more than one. */
export function compareSplits(splits: readonly Examined[], { counts }: KnownMetadata, findings: Findings): void {
  const channels = splits.find(split => split.channels !== undefined)
  for (const split of splits)
    if (channels && split.channels !== undefined && split.channels !== channels.channels)
      findings.add({
        severity: 'error',
        file: basename(split.path),
        dataset: 'images',
        message: `has ${split.channels} channels, ${basename(channels.path)} has ${channels.channels}`,
      })
  const all = splits.reduce((sum, { samples }) => sum + samples, 0)
  if (counts.total_samples !== undefined && counts.total_samples !== all)
    findings.add({
      severity: 'error',
      file: 'metadata.json',
      message: `dataset_info counts ${counts.total_samples} samples, the files have ${all}`,
    })
  for (const [i, split] of splits.entries())
    for (const earlier of splits.slice(0, i + 1)) {
      compareImages(earlier, split, findings)
      if (earlier !== split) compareSubjects(earlier, split, findings)
    }
}

/** Finds images of `split` that also occur in `earlier`, which may be the same split. */
function compareImages(earlier: Examined, split: Examined, findings: Findings): void {
  const first = firstOf(earlier.images.map((digest, n) => (earlier.constant.has(n) ? undefined : digest)))
  const pairs = [...split.images.entries()].flatMap(([sample, digest]) => {
    const other = digest === undefined ? undefined : first.get(digest)
    return other === undefined || (earlier === split && other === sample) ? [] : [{ sample, other }]
  })
  const { parts = [] } = split
  const isApart = ({ sample, other }: Pair): boolean => earlier !== split || parts[sample] !== parts[other]
  const say = (severity: Severity, chosen: readonly Pair[], where: string): void => {
    const others = [...new Set(chosen.map(({ other }) => other))].sort((a, b) => a - b)
    const message = `the same images as ${where}: ${rangesText(others, SHOWN)}`
    for (const { sample } of chosen)
      findings.add({ severity, file: basename(split.path), dataset: 'images', sample, message })
  }
  const whose = earlier === split ? "the view's other split" : basename(earlier.path)
  say('error', pairs.filter(isApart), `samples of ${whose}`) // a split that shares images with another measures nothing
  say(
    'warning',
    pairs.filter(pair => !isApart(pair)),
    'other samples',
  )
}

/** Samples with the same image. */
interface Pair {
  sample: number
  other: number
}

/** Maximum number of entries that a message lists. */
const SHOWN = 5

function compareSubjects(earlier: Examined, split: Examined, findings: Findings): void {
  const first = firstOf(earlier.subjects)
  const shared = [...split.subjects.entries()].filter(([, subject]) => subject !== '' && first.has(subject))
  if (shared.length === 0) return
  const names = [...new Set(shared.map(([, subject]) => subject))]
  const message = `the same subjects as in ${basename(earlier.path)}: ${listed(names)}`
  for (const [sample] of shared)
    findings.add({ severity: 'error', file: basename(split.path), dataset: 'subjects', sample, message })
}

/** The index of the first occurrence of each text. */
function firstOf(texts: readonly (string | undefined)[]): Map<string, number> {
  const first = new Map<string, number>()
  for (const [at, text] of texts.entries()) if (text !== undefined && !first.has(text)) first.set(text, at)
  return first
}
