import { destroyBuffer, queryBuffer, readBuffer } from '../gpu/buffers.ts'
import type { Device } from '../gpu/device.ts'
import type { Runner } from '../plan/runner.ts'

/** For shorter runs, the wall clock takes the mean of several. */
const SHORT_SECONDS = 0.005
const MOST_RUNS = 32
/** If a run takes longer than this by the wall clock, timestamps must account for at least half of it. */
const LONG_SECONDS = 0.02

/** Times runs by timestamps around the compute pass if the adapter has them and they agree with the wall clock, otherwise by wall clock. */
export class Stopwatch {
  private readonly device: Device
  private readonly queries: GPUQuerySet | undefined
  private readonly resolved: GPUBuffer | undefined
  private isTrusted: boolean

  constructor(device: Device) {
    this.device = device
    this.isTrusted = device.facts.features.has('timestamp-query')
    if (!this.isTrusted) return
    this.queries = device.gpu.createQuerySet({ type: 'timestamp', count: 2 })
    this.resolved = queryBuffer(device, 'stopwatch', 16)
  }

  /** Seconds of one run of all dispatches. No other work may be pending. */
  async seconds(runner: Runner): Promise<number> {
    return this.isTrusted ? this.stamped(runner) : this.walled(runner)
  }

  private async stamped(runner: Runner): Promise<number> {
    const querySet = this.queries!
    const started = performance.now()
    runner.submit(encoder => encoder.resolveQuerySet(querySet, 0, 2, this.resolved!, 0), undefined, {
      querySet,
      beginningOfPassWriteIndex: 0,
      endOfPassWriteIndex: 1,
    })
    const [begin, end] = new BigUint64Array(await readBuffer(this.device, this.resolved!, 0, 16))
    const wall = (performance.now() - started) / 1000
    const seconds = Number(end! - begin!) / 1e9
    this.isTrusted = seconds > 0 && seconds <= wall && (wall < LONG_SECONDS || seconds > wall / 2)
    return this.isTrusted ? seconds : wall
  }

  private async walled(runner: Runner): Promise<number> {
    const one = await this.wall(runner, 1)
    return one < SHORT_SECONDS ? this.wall(runner, Math.min(MOST_RUNS, Math.ceil(SHORT_SECONDS / one))) : one
  }

  private async wall(runner: Runner, runs: number): Promise<number> {
    const started = performance.now()
    for (let i = 0; i < runs; i++) runner.submit()
    await this.device.idle()
    return (performance.now() - started) / 1000 / runs
  }

  destroy(): void {
    this.queries?.destroy()
    if (this.resolved) destroyBuffer(this.device, this.resolved)
  }
}
