import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { folders } from '../data/import/input.ts'
import { writeDataset } from '../data/small_dataset.ts'
import { writeSmallModel } from '../predict/small_model.ts'

const NAMES = ['structure_0', 'structure_1']

/** What the commands of these tests read: small, and the same for all of them. */
export interface Inputs {
  /** train.h5, val.h5, test.h5 and metadata.json, 16×32×16 voxels */
  dataset: string
  /** images and labels as NIfTI in folders of these names */
  scans: string
  /** a model of the dataset's structures */
  weights: string
}

export async function makeInputs(folder: string): Promise<Inputs> {
  const [dataset, scans, weights] = ['dataset', 'scans', 'model.pth'].map(name => join(folder, name)) as [
    string,
    string,
    string,
  ]
  mkdirSync(dataset, { recursive: true })
  await writeDataset(dataset, { samples: 2, structures: NAMES.length, imageSize: [16, 32, 16] })
  cpSync(join(dataset, 'val.h5'), join(dataset, 'test.h5'))
  folders(scans, 4)
  writeSmallModel(weights, NAMES, { size: [16, 32, 16], inChannels: 1 })
  return { dataset, scans, weights }
}

export function copied(from: string, folder: string, name: string): string {
  const to = join(folder, name)
  cpSync(from, to, { recursive: true })
  return to
}
