import type { HostBatch } from '../../src/train/engine.ts'
import { normals, randomOf } from '../numbers.ts'

/** A batch of one sample of three structures, of which the second is absent; each number gives another. */
export function smallBatch(sample: number, voxels: number): HostBatch {
  const random = randomOf(`sample ${sample}`)
  return {
    images: normals(random, voxels, 100, 40),
    maskBits: Uint32Array.from({ length: (3 * voxels) / 32 }, () => random.integer(2 ** 32)),
    presence: Float32Array.of(1, 0, 1),
    samples: Uint32Array.of(sample),
  }
}
