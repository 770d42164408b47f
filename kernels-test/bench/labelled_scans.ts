import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeNifti } from '../../src/data/scan/nifti/writer.ts'
import type { ScanGrid } from '../../src/data/scan/scan.ts'
import { type ImageSize, sizeOf } from '../../src/util/shape.ts'
import { eachVoxel } from '../augmentation.ts'
import { randomOf } from '../numbers.ts'

/** Where the two structures are along the long axis, in slices from the back. */
export const BACK = { start: 4, end: 11 }
export const FRONT = { start: 12, end: 18 }

/**
 * Writes a dataset as the Decathlon lays it out: noise with two bright boxes, `back` (label 1) and `front` (label 2), one behind the other. The
 * second stored axis runs from front to back.
 */
export function writeLabelledScans(folder: string, count: number): void {
  const size: ImageSize = [10, 24, 10]
  const affine: ScanGrid['affine'] = [
    [1, 0, 0, -5],
    [0, -1, 0, 12],
    [0, 0, 1, 3],
  ]
  for (const name of ['imagesTr', 'labelsTr']) mkdirSync(join(folder, name), { recursive: true })
  const names = Array.from({ length: count }, (_, i) => `case_${String(i).padStart(2, '0')}`)
  for (const name of names) {
    const random = randomOf(name)
    const image = new Float32Array(sizeOf(size))
    const label = new Uint8Array(image.length)
    eachVoxel(size, ([x, stored, z], v) => {
      const slice = size[1] - 1 - stored!
      const isInside = x! >= 3 && x! < 7 && z! >= 3 && z! < 7
      const of = (box: typeof BACK): boolean => isInside && slice >= box.start && slice < box.end
      label[v] = of(BACK) ? 1 : of(FRONT) ? 2 : 0
      image[v] = 100 * label[v]! + random.uniform(0, 20)
    })
    writeNifti(join(folder, 'imagesTr', `${name}.nii.gz`), image, { size, affine })
    writeNifti(join(folder, 'labelsTr', `${name}.nii.gz`), label, { size, affine })
  }
  const training = names.map(name => ({ image: `./imagesTr/${name}.nii.gz`, label: `./labelsTr/${name}.nii.gz` }))
  const json = {
    modality: { 0: 'MRI' },
    labels: { 0: 'background', 1: 'back', 2: 'front' },
    numTraining: count,
    training,
  }
  writeFileSync(join(folder, 'dataset.json'), JSON.stringify(json))
}
