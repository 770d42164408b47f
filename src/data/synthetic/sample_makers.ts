import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { sizeOf } from '../../util/shape.ts'
import { ThreadPool } from '../../util/thread_pool.ts'
import type { Scenario } from './anatomy.ts'
import { makeSample, type Sample, type Variation } from './synthetic.ts'

export interface SampleRequest {
  variation: Variation
  /** within the whole dataset */
  index: number
  scenario: Scenario
}

/** The main thread writes the samples; compressing one takes a third of the time of making it. */
const MOST_THREADS = 4
/** With fewer voxels, starting threads takes longer than making the samples. */
const WORTH_THREADS = 2 ** 22
/** Samples that each thread is ahead: enough to keep it busy, few enough to bound memory. */
const AHEAD = 2

/** The number of threads that makes a dataset fastest on this machine. */
export function fittingThreads({ imageSize }: Variation, samples: number): number {
  if (samples * sizeOf(imageSize) < WORTH_THREADS) return 0
  return Math.min(MOST_THREADS, availableParallelism() - 1)
}

/** Makes samples on `threads` threads, or in the calling thread if 0. The number of threads changes no bit of a sample. */
export class SampleMakers {
  private readonly variation: Variation
  private readonly pool: ThreadPool<SampleRequest, Sample>

  constructor(variation: Variation, threads: number) {
    this.variation = variation
    this.pool = new ThreadPool({ beside: import.meta.url, name: 'sample', title: 'a generating thread', size: threads })
  }

  /** The samples in the order given, made a few ahead of the consumer. Throws when one cannot be made or its thread died. */
  async *make(planned: readonly Omit<SampleRequest, 'variation'>[]): AsyncGenerator<Sample> {
    const ahead = AHEAD * this.pool.size
    const making: Promise<Sample>[] = []
    for (const { index, scenario } of planned) {
      making.push(this.ask({ variation: this.variation, index, scenario }))
      if (making.length > ahead) yield await making.shift()!
    }
    for (const sample of making) yield await sample
  }

  close(): Promise<void> {
    return this.pool.close()
  }

  private ask(request: SampleRequest): Promise<Sample> {
    const sample = this.pool.size > 0 ? this.pool.ask(request) : this.makeHere(request)
    sample.catch(() => undefined) // after one sample has failed, nobody awaits the others
    return sample
  }

  private async makeHere({ variation, index, scenario }: SampleRequest): Promise<Sample> {
    await setImmediate() // lets signals and timers through
    return makeSample(variation, index, scenario)
  }
}
