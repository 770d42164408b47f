import { readBuffer } from '../src/gpu/buffers.ts'
import type { Device } from '../src/gpu/device.ts'
import type { Runner } from '../src/plan/runner.ts'

export interface Timing {
  /** median of the measurements */
  seconds: number
  /** shortest measurement */
  best: number
  /** half the interquartile range, relative to the median */
  spread: number
  measurements: number
}

/** Submits between two reads of the results. */
const MOST_IN_A_BATCH = 32
const LEAST_MEASUREMENTS = 3
const MOST_MEASUREMENTS = 1000

/** Timestamps are used if they agree with the wall time of a long kernel within this share; otherwise the wall clock. */
const PLAUSIBLE = [0.6, 1.05] as const

export function summarise(measured: readonly number[]): Timing {
  const sorted = measured.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))]!
  return {
    seconds: at(0.5),
    best: sorted[0]!,
    spread: (at(0.75) - at(0.25)) / 2 / at(0.5),
    measurements: sorted.length,
  }
}

/** Times replays by timestamps around the compute pass if they are trustworthy, otherwise by the wall clock. */
export class Clock {
  private readonly device: Device
  private readonly timestamps: PassTimestamps | undefined
  /** the source of the times, with the reason */
  readonly source: string

  private constructor(device: Device, timestamps: PassTimestamps | undefined, source: string) {
    this.device = device
    this.timestamps = timestamps
    this.source = source
  }

  /** `long` should run for several milliseconds: it is used to compare timestamps with the wall clock. */
  static async open(device: Device, long: Runner): Promise<Clock> {
    if (!device.facts.features.has('timestamp-query'))
      return new Clock(device, undefined, 'wall clock: the adapter has no timestamps')
    const timestamps = new PassTimestamps(device)
    await timestamps.measure(long, 1)
    const started = performance.now()
    const [inside] = await timestamps.measure(long, 1)
    const wall = (performance.now() - started) / 1000
    const share = inside! / wall
    if (share >= PLAUSIBLE[0] && share <= PLAUSIBLE[1]) return new Clock(device, timestamps, 'timestamps')
    return new Clock(device, undefined, `wall clock: timestamps give ${share.toPrecision(3)} of the wall time`)
  }

  /** After a warm-up, replays for at least `least` seconds and at least three times. */
  async time(runner: Runner, least: number): Promise<Timing> {
    runner.submit()
    await this.device.idle()
    const started = performance.now()
    const elapsed = (): number => (performance.now() - started) / 1000
    const measured = await this.measure(runner, 1)
    const batch = Math.max(1, Math.min(MOST_IN_A_BATCH, Math.floor(least / 4 / elapsed())))
    while (measured.length < LEAST_MEASUREMENTS || (elapsed() < least && measured.length < MOST_MEASUREMENTS))
      measured.push(...(await this.measure(runner, batch)))
    this.device.check()
    return summarise(measured)
  }

  /** Seconds of each of `count` replays, or just their mean by the wall clock. */
  private async measure(runner: Runner, count: number): Promise<number[]> {
    if (this.timestamps) return this.timestamps.measure(runner, count)
    const started = performance.now()
    for (let i = 0; i < count; i++) runner.submit()
    await this.device.idle()
    return [(performance.now() - started) / 1000 / count]
  }
}

/** Takes a timestamp before and after the compute pass of a replay. */
class PassTimestamps {
  private readonly device: Device
  private readonly queries: GPUQuerySet
  private readonly resolved: GPUBuffer

  constructor(device: Device) {
    this.device = device
    const count = 2 * MOST_IN_A_BATCH
    this.queries = device.gpu.createQuerySet({ type: 'timestamp', count })
    const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC
    this.resolved = device.gpu.createBuffer({ label: 'timestamps', size: count * 8, usage })
  }

  /** Seconds of each of `count` replays of a runner that submits one pass. */
  async measure(runner: Runner, count: number): Promise<number[]> {
    for (let i = 0; i < count; i++) this.timed(2 * i, () => runner.submit())
    const encoder = this.device.gpu.createCommandEncoder()
    encoder.resolveQuerySet(this.queries, 0, 2 * count, this.resolved, 0)
    this.device.gpu.queue.submit([encoder.finish()])
    const nanoseconds = new BigUint64Array(await readBuffer(this.device, this.resolved, 0, 16 * count))
    return Array.from({ length: count }, (_, i) => Number(nanoseconds[2 * i + 1]! - nanoseconds[2 * i]!) / 1e9)
  }

  /** The runner creates its own encoder. For this submit, the device returns one whose pass writes timestamps. */
  private timed(beginningOfPassWriteIndex: number, submit: () => void): void {
    const { gpu } = this.device
    const timestampWrites = {
      querySet: this.queries,
      beginningOfPassWriteIndex,
      endOfPassWriteIndex: beginningOfPassWriteIndex + 1,
    }
    const prototype = Object.getPrototypeOf(gpu) as GPUDevice
    gpu.createCommandEncoder = descriptor => {
      const encoder = prototype.createCommandEncoder.call(gpu, descriptor)
      const begin = encoder.beginComputePass.bind(encoder)
      encoder.beginComputePass = given => begin({ ...given, timestampWrites })
      return encoder
    }
    try {
      submit()
    } finally {
      Reflect.deleteProperty(gpu, 'createCommandEncoder')
    }
  }
}
