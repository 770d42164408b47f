import type { Device } from '../gpu/device.ts'
import { Pipelines } from '../gpu/pipelines.ts'
import { Tape } from '../graph/tape.ts'
import { tensor } from '../graph/tensor.ts'
import { sumGradients } from '../optim/sum_gradients.ts'
import { makePlan } from '../plan/plan.ts'
import { Runner, SlotPool } from '../plan/runner.ts'
import { Storage } from '../plan/storage.ts'
import { Closer } from '../util/closer.ts'

const SMALLEST_NORMAL = 2 ** -126
/** One addition of subnormal numbers, and one of normal numbers that has a subnormal sum. */
const ADDITIONS = [
  [SMALLEST_NORMAL / 2, SMALLEST_NORMAL / 4],
  [1.5 * SMALLEST_NORMAL, -SMALLEST_NORMAL],
] as const

/** Whether the adapter takes subnormal numbers for zeros where it sums gradients. WGSL leaves that to it. */
export function flushesSubnormals(device: Device): Promise<boolean> {
  return Closer.using(async opened => {
    const earlier = tensor('earlier', [ADDITIONS.length], 'input')
    const gradient = tensor('gradient', [ADDITIONS.length], 'state')
    const tape = new Tape()
    sumGradients(tape, { earlier, gradient })
    const storage = opened.add(new Storage(device), each => each.destroy())
    for (const [i, t] of [earlier, gradient].entries()) {
      storage.addTensor(t)
      storage.write(
        t,
        Float32Array.from(ADDITIONS, summands => summands[i]!),
      )
    }
    const plan = makePlan('subnormals', tape.calls, [], device.facts)
    const pool = opened.add(await SlotPool.allocate(device, [plan]), each => each.destroy())
    const runner = await Runner.prepare(plan, { device, pipelines: new Pipelines(device), storage, pool })
    runner.submit()
    const sums = await storage.read(gradient)
    return sums.some((sum, i) => sum !== ADDITIONS[i]![0] + ADDITIONS[i]![1])
  })
}
