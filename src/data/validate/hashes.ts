import { basename } from 'node:path'
import { digestOfLabels, type Hashes, type SplitHashes, writeHashes } from '../dataset/hashes.ts'
import type { SplitName } from '../dataset/split.ts'
import type { Examined } from './between.ts'
import type { Findings } from './findings.ts'
import type { KnownMetadata } from './metadata.ts'

const CHANGED = 'is not what hashes.json recorded'

/** Compares names, labels and volumes with hashes.json. */
export function compareHashes(
  splits: readonly Examined[],
  metadata: KnownMetadata,
  recorded: Hashes,
  findings: Findings,
): void {
  const names = metadata.structureNames
  if (names && names.join('\0') !== recorded.structure_names.join('\0'))
    findings.add({ severity: 'error', file: 'metadata.json', message: `structure_names ${CHANGED}` })
  for (const split of splits) {
    const file = basename(split.path)
    const record = recorded.splits[split.name]
    if (!record) findings.add({ severity: 'warning', file, message: 'is not recorded in hashes.json' })
    else compareSplitHashes(split, record, findings)
  }
}

function compareSplitHashes(split: Examined, record: SplitHashes, findings: Findings): void {
  const file = basename(split.path)
  if (record.images.length !== split.samples)
    findings.add({
      severity: 'error',
      file,
      message: `has ${split.samples} samples, hashes.json recorded ${record.images.length}`,
    })
  if (split.presence && digestOfLabels(split.presence) !== record.presence_labels)
    findings.add({ severity: 'error', file, dataset: 'presence_labels', message: CHANGED })
  for (const dataset of ['images', 'masks'] as const)
    for (const [sample, digest] of split[dataset].entries())
      if (digest !== undefined && record[dataset][sample] !== undefined && digest !== record[dataset][sample])
        findings.add({ severity: 'error', file, dataset, sample, message: CHANGED })
}

/** Writes hashes.json of a dataset without errors, so nothing is missing. */
export function recordHashes(directory: string, { structureNames }: KnownMetadata, splits: readonly Examined[]): void {
  const hashes = splits.map(({ name, presence, images, masks }): [SplitName, SplitHashes] => [
    name,
    { presence_labels: digestOfLabels(presence!), images: images as string[], masks: masks as string[] },
  ])
  writeHashes(directory, structureNames!, Object.fromEntries(hashes))
}
