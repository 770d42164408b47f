import { join } from 'node:path'
import { sizeOf } from '../../src/util/shape.ts'
import { writeVolume } from '../data/import/input.ts'
import { RAS } from '../data/scan/nifti_bytes.ts'

const SIZE: [number, number, number] = [16, 16, 32]

/** Scans and labels of subjects with a bright box each; every third one lacks the second structure. */
export function writeSubjects(root: string, count: number): { images: string; labels: string } {
  const [images, labels] = [join(root, 'images'), join(root, 'labels')]
  for (let n = 0; n < count; n++) {
    const inside = (v: number, from: number): boolean => {
      const [i, j, k] = [v % SIZE[0], Math.floor(v / SIZE[0]) % SIZE[1], Math.floor(v / (SIZE[0] * SIZE[1]))]
      return i >= 2 + (n % 3) && i < 10 && j >= 4 && j < 12 && k >= from && k < from + 10
    }
    const label = (v: number): number => (inside(v, 2) ? 1 : n % 3 && inside(v, 18) ? 2 : 0)
    const noise = (v: number): number => ((v * (n + 7) * 2654435761) % 97) / 10
    writeVolume(join(images, `s${n}.nii`), { size: SIZE, affine: RAS, value: v => 40 * label(v) + noise(v) })
    writeVolume(join(labels, `s${n}.nii`), { size: SIZE, affine: RAS, type: 2, value: label })
  }
  if (sizeOf(SIZE) % 4096 !== 0) throw new Error('a model takes multiples of 4096 voxels')
  return { images, labels }
}

/** Words after cross-validate that take seconds. */
export function wordsFor({ images, labels }: { images: string; labels: string }, output: string): string[] {
  return [
    ...['cross-validate', '--images', images, '--labels', labels, '--structures', 'one=1,two=2'],
    ...['--image-size', '16,16,32', '--folds', '2', '--output-dir', output],
  ]
}

export const TINY = [
  'with',
  'model.channels=[2,4,4,6,8]',
  'training.num_epochs=2',
  'training.batch_size=1',
  'training.warmup_epochs=0',
  'training.num_workers=0',
  'logging.visualize_predictions=False',
]
