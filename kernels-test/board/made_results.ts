import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Hdf5Writer } from '../../src/data/hdf5/writer.ts'
import { writeDataset, writeMetadata, writeSplit } from '../data/small_dataset.ts'

export const SIZE = [16, 24, 16] as const
const VOXELS = SIZE[0] * SIZE[1] * SIZE[2]

/** The dataset's order; the model's is another. */
export const STORED = ['liver', 'spleen', '<b>kidney</b>']
export const PREDICTED = ['spleen', 'liver', '<b>kidney</b>']

/** Where structure s of `STORED` is: a third of the volume along W. */
export function isInside(s: number, v: number): boolean {
  const w = Math.floor(v / SIZE[2]) % SIZE[1]
  return Math.floor(w / 8) === s
}

/**
 * Below `root`: data/, a dataset of two test samples, and results/ as `evaluate` and `predict` leave them there. The kidney of sample 1 is missing
 * and predicted present; all masks are those of `isInside`.
 */
export async function makeResults(root: string): Promise<void> {
  const split = { samples: 2, structures: 3, imageSize: [...SIZE] as [number, number, number], presence: () => 1 }
  const data = join(root, 'data')
  mkdirSync(data, { recursive: true })
  await writeDataset(data, split)
  await writeSplit(join(data, 'test.h5'), { ...split, spacing: [2, 1, 1] })
  writeMetadata(data, { structure_names: STORED, image_size: SIZE })
  const results = join(root, 'results')
  mkdirSync(results)
  await writeMasks(join(results, 'masks.h5'))
  const json = (name: string, value: unknown): void => writeFileSync(join(results, name), JSON.stringify(value))
  const structures = Object.fromEntries(
    PREDICTED.map(name => [
      name,
      { presence_probability: 0.9, present: true, mask_voxels: VOXELS / 3, volume_ml: null },
    ]),
  )
  const samples = [0, 1].map(sample => ({
    sample,
    scan: '',
    warnings: sample ? ['unlike the others'] : [],
    structures,
  }))
  const input = join(data, 'test.h5')
  json('presence.json', {
    weights: 'm.pth',
    input,
    presence_threshold: 0.5,
    structure_names: PREDICTED,
    samples,
    failed: [],
  })
  json('detailed_metrics.json', {
    evaluated: { weights: 'm.pth', dataset: data, split: 'test', presence_threshold: 0.5 },
  })
  const head =
    'sample,subject,scenario,structure,present,presence_probability,predicted_present,dice,predicted_volume,distance_unit,gated_dice'
  const line = (sample: number, name: string, isPresent: boolean): string =>
    `${sample},"subject ""${sample}""",usual,${name},${Number(isPresent)},0.9,1,${isPresent ? 0.75 : ''},12,voxel,${isPresent ? 0.75 : ''}`
  const lines = [0, 1].flatMap(sample => PREDICTED.map((name, s) => line(sample, name, sample === 0 || s < 2)))
  writeFileSync(join(results, 'cases.csv'), `${[head, ...lines].join('\n')}\n`)
}

/** The masks of `isInside` in the order of `PREDICTED`, as `predict` and `evaluate` write them. */
export async function writeMasks(path: string): Promise<void> {
  const writer = await Hdf5Writer.create(path, [
    { name: 'masks', kind: 'bool', rowShape: [PREDICTED.length, ...SIZE] },
    { name: 'samples', kind: 'int64', rowShape: [] },
  ])
  for (const sample of [0, 1]) {
    const masks = PREDICTED.flatMap(name => {
      const s = STORED.indexOf(name)
      return Array.from({ length: VOXELS }, (_, v) => Number(isInside(s, v)))
    })
    writer.append('masks', Uint8Array.from(masks))
    writer.append('samples', BigInt64Array.of(BigInt(sample)))
  }
  await writer.finish()
}
