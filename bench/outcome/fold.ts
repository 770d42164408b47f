import { existsSync, symlinkSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { makeFolder } from '../../src/util/files/folder.ts'
import { writeJson, writing } from '../../src/util/whole_file.ts'
import type { LabelledScan, LabelledScans } from './scans.ts'

/** One fold on disk: links to its scans, so that every tool gets the same ones. */
export interface Fold {
  index: number
  folder: string
  scans: LabelledScans
  train: readonly LabelledScan[]
  heldOut: readonly LabelledScan[]
  /** of the held-out scans, those on which the curve is measured */
  curve: readonly LabelledScan[]
}

/** The held-out scans, or those of the curve, as folders of links. */
export type Part = 'heldOut' | 'curve'

/** A dataset.json with the fold's training scans, those of the curve as validation and the other held-out ones as test. */
export function dataOf({ folder }: Fold): string {
  return join(folder, 'data')
}

export function imagesOf({ folder }: Fold, part: Part): string {
  return join(folder, part, 'images')
}

export function labelsOf({ folder }: Fold, part: Part): string {
  return join(folder, part, 'labels')
}

/** Makes the folders; what is there stays. */
export function layOut(fold: Fold): Fold {
  const { scans, train, heldOut, curve } = fold
  const data = dataOf(fold)
  const entry = (scan: LabelledScan) => ({
    image: scan.images.map(path => link(path, join(data, 'imagesTr'))),
    label: link(scan.label, join(data, 'labelsTr')),
  })
  const isInCurve = new Set(curve)
  writeJson(join(makeFolders(data), 'dataset.json'), {
    labels: { background: 0, ...Object.fromEntries(scans.structures.map(({ name, values }) => [name, values])) },
    channel_names: Object.fromEntries(scans.channelNames.map((name, channel) => [channel, name])),
    training: train.map(entry),
    validation: curve.map(entry),
    test: heldOut.filter(scan => !isInCurve.has(scan)).map(entry),
  })
  for (const part of ['heldOut', 'curve'] as const)
    for (const scan of fold[part]) {
      for (const path of scan.images) link(path, imagesOf(fold, part))
      link(scan.label, labelsOf(fold, part))
    }
  return fold
}

function makeFolders(folder: string): string {
  makeFolder(folder, 'a folder for a fold')
  return folder
}

/** Links a file into a folder. Returns its path from the folder above. */
function link(path: string, folder: string): string {
  const to = join(makeFolders(folder), basename(path))
  if (!existsSync(to)) writing(to, () => symlinkSync(resolve(path), to))
  return join(basename(folder), basename(path))
}
