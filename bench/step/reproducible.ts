import { createHash } from 'node:crypto'
import { summarise } from '../clock.ts'
import type { Workload } from '../workload.ts'
import { StepRun } from './run.ts'

export interface Reproducibility {
  steps: number
  identical: boolean
  size: readonly number[]
  channels: readonly number[]
  /** median over both runs */
  step_s: number
}

/** Trains twice from the same seed on the same batch and compares every bit of parameters, moments and running statistics. */
export async function benchReproducible(workload: Workload, steps: number): Promise<Reproducibility> {
  const first = await trained(workload, steps)
  const second = await trained(workload, steps)
  return {
    steps,
    identical: first.digest === second.digest,
    size: workload.shape.size,
    channels: workload.shape.channels,
    step_s: summarise([...first.seconds, ...second.seconds]).seconds,
  }
}

async function trained(workload: Workload, steps: number): Promise<{ digest: string; seconds: number[] }> {
  const run = await StepRun.open(workload)
  try {
    const { seconds } = await run.measure(steps - 1) // the first step has already run
    const { storage, state, optimizer } = run.engine
    const hash = createHash('sha256')
    for (const arena of [state.parameters, state.running, ...optimizer.arenas])
      hash.update(new Uint8Array((await storage.readArena(arena)).buffer))
    return { digest: hash.digest('hex'), seconds }
  } finally {
    await run.close()
  }
}
