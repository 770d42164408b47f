import type { NumericArray } from '../data/hdf5/file.ts'
import { percentilesOf } from '../data/scan/intensity.ts'
import { deviation, mean } from '../util/statistics.ts'
import { digits, type Intensity, PERCENTILES } from './fingerprint_schema.ts'

/** Voxels of a scan that are looked at, inside structures and in all: a regular sample, the same every time. */
const VOXELS_A_SCAN = 10_000

/** Intensities of one channel of one scan. */
export class IntensitySample {
  readonly everywhere: readonly number[]
  readonly inStructures: readonly number[]

  private constructor(everywhere: readonly number[], inStructures: readonly number[]) {
    this.everywhere = everywhere
    this.inStructures = inStructures
  }

  /** Infinity if no voxel is a finite number. */
  get least(): number {
    return this.everywhere.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  }

  /** Both (H, W, D). Voxels that are no finite number are left out; the import refuses them. */
  static of(values: NumericArray, labelled: Uint8Array): IntensitySample {
    const count = labelled.reduce((sum, inside) => sum + inside, 0)
    const inStructures: number[] = []
    const step = Math.max(1, Math.floor(count / VOXELS_A_SCAN))
    let seen = 0
    for (let v = 0; v < values.length; v++)
      if (labelled[v] === 1 && seen++ % step === 0 && Number.isFinite(values[v])) inStructures.push(values[v]!)
    const everywhere: number[] = []
    const stride = Math.max(1, Math.floor(values.length / VOXELS_A_SCAN))
    for (let v = 0; v < values.length; v += stride) if (Number.isFinite(values[v])) everywhere.push(values[v]!)
    return new IntensitySample(everywhere, inStructures)
  }
}

/** Of the values of all scans together; null if there are none. */
export function intensityOf(values: readonly number[]): Intensity | null {
  if (values.length === 0) return null
  const found = percentilesOf(Float64Array.from(values), PERCENTILES).map(digits)
  return {
    mean: digits(mean(values)!),
    deviation: digits(deviation(values)!),
    percentiles: Object.fromEntries(PERCENTILES.map((p, i) => [String(p), found[i]!])),
  }
}
