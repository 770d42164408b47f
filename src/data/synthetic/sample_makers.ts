import { availableParallelism } from 'node:os'
import { Calls } from '../../util/calls.ts'
import { sizeOf } from '../../util/shape.ts'
import type { Scenario } from './anatomy.ts'
import { makeSample, type Sample, type Variation } from './synthetic.ts'

export interface SampleRequest {
  variation: Variation
  /** Over the whole dataset. */
  index: number
  scenario: Scenario
}

/** One thread writes what the others make, and compressing takes it a third of the time that making a sample does. */
const MOST_THREADS = 4
/** Fewer voxels are made sooner than threads are started. */
const WORTH_THREADS = 2 ** 22
/** Samples a thread is ahead: enough that it never waits, and memory stays what it is however many there are. */
const AHEAD = 2

/** How many threads make a dataset soonest here. */
export function fittingThreads({ imageSize }: Variation, samples: number): number {
  if (samples * sizeOf(imageSize) < WORTH_THREADS) return 0
  return Math.min(MOST_THREADS, availableParallelism() - 1)
}

/** Makes samples in threads of its own, or in this one where there are to be none. How many there are changes no bit of them. */
export class SampleMakers {
  private readonly variation: Variation
  private readonly threads: Calls<SampleRequest, Sample>[]

  constructor(variation: Variation, threads: number) {
    this.variation = variation
    this.threads = Array.from({ length: threads }, () => new Calls(import.meta.url, 'sample', 'a generating thread'))
  }

  /** The samples in the order given, made a few ahead of who reads them. Throws ThreadEndedError when a thread died. */
  async *make(planned: readonly Omit<SampleRequest, 'variation'>[]): AsyncGenerator<Sample> {
    const ahead = AHEAD * this.threads.length
    const making: Promise<Sample>[] = []
    for (const [i, { index, scenario }] of planned.entries()) {
      making.push(this.ask({ variation: this.variation, index, scenario }, i))
      if (making.length > ahead) yield await making.shift()!
    }
    for (const sample of making) yield await sample
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map(thread => thread.close()))
  }

  private ask(request: SampleRequest, next: number): Promise<Sample> {
    const thread = this.threads[next % this.threads.length]
    const sample = thread?.ask(request) ?? this.makeHere(request)
    sample.catch(() => undefined) // one that fails behind another is never asked for
    return sample
  }

  private async makeHere({ variation, index, scenario }: SampleRequest): Promise<Sample> {
    await new Promise(resolve => setImmediate(resolve)) // lets signals and timers through
    return makeSample(variation, index, scenario)
  }
}
