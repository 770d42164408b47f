/** What a training step took. */
export interface TimedSample {
  /** of a sample */
  voxels: number
  /** for one sample of a batch */
  seconds: number
}

/** Seconds for a training sample of any size, as measurements suggest: a part for each kernel and a part for each voxel. */
export class SampleTime {
  private readonly fixed: number
  private readonly perVoxel: number

  private constructor(fixed: number, perVoxel: number) {
    this.fixed = fixed
    this.perVoxel = perVoxel
  }

  /** Before anything is measured. */
  static guessed(voxelsPerSecond: number): SampleTime {
    return new SampleTime(0, 1 / voxelsPerSecond)
  }

  /** The line through the smallest and the largest measured sample; through the origin if there is one, or if larger ones were not slower. */
  static measured(samples: readonly TimedSample[]): SampleTime {
    const sorted = [...samples].sort((a, b) => a.voxels - b.voxels)
    const [small, large] = [sorted[0]!, sorted.at(-1)!]
    const slope = (large.seconds - small.seconds) / (large.voxels - small.voxels)
    const fixed = small.seconds - slope * small.voxels
    if (slope > 0 && fixed >= 0) return new SampleTime(fixed, slope)
    return new SampleTime(0, large.seconds / large.voxels)
  }

  secondsFor(voxels: number): number {
    return this.fixed + this.perVoxel * voxels
  }
}
