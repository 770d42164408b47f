import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import { defaultConfig } from '../src/config/schema.ts'
import { TERMS } from '../src/run/batch_result.ts'
import { formatBytes } from '../src/run/memory.ts'
import { RunDirectory } from '../src/track/run_directory.ts'
import { RunRecord } from '../src/track/run_record.ts'
import { percent, short } from './table.ts'

export interface RecordRequest {
  /** points logged at full speed before the measured steps */
  points: number
  stepSeconds: number
  seconds: number
}

export interface RecordReport {
  points: number
  file_bytes: number
  /** CPU time per point at full speed, without folds */
  point_us: number
  step_s: number
  points_per_step: number
  /** CPU time of the record over all threads, as a share of the run time */
  share: number
  /** longest time that a step waited for the record, ms */
  longest_wait_ms: number
}

/** Measures the cost of a run's record with many points: runs steps that only wait, with and without a record. */
export async function benchRecord({ points, stepSeconds, seconds }: RecordRequest): Promise<RecordReport> {
  const base = mkdtempSync(join(tmpdir(), 'sadaan-record-'))
  try {
    const directory = RunDirectory.create(requestIn(base))!
    const record = new RunRecord(directory.id, [directory])
    const steps = Math.ceil(points / TERMS.length)
    const filled = await processorSeconds(async () => {
      for (let step = 0; step < steps; step++) logStep(record, step)
    })
    await directory.metrics.fold()
    let longest = 0
    const bare = await processorSeconds(() => pace(stepSeconds, seconds, async () => undefined))
    const recorded = await processorSeconds(() =>
      pace(stepSeconds, seconds, async step => {
        const start = performance.now()
        logStep(record, steps + step)
        await Promise.resolve() // lets a pending fold start
        longest = Math.max(longest, performance.now() - start)
      }),
    )
    await record.finish({ status: 'COMPLETED' })
    return {
      points: steps * TERMS.length,
      file_bytes: statSync(join(directory.path, 'metrics.json')).size,
      point_us: (filled / steps / TERMS.length) * 1e6,
      step_s: stepSeconds,
      points_per_step: TERMS.length,
      share: (recorded - bare) / seconds,
      longest_wait_ms: longest,
    }
  } finally {
    rmSync(base, { recursive: true })
  }
}

/** A run that no training belongs to. */
export function requestIn(base: string) {
  return {
    base,
    experiment: 'sadaan_hdf5',
    command: 'bench record',
    options: {},
    config: defaultConfig(),
    namedConfigs: [],
    configUpdates: {},
    adapter: { model: 'none', driver: 'none' },
    warn(line: string): void {
      throw new Error(line)
    },
  }
}

/** The points of a batch, as a training logs them. */
export function logStep(record: RunRecord, step: number): void {
  for (const term of TERMS) record.log(`train.batch.${term}`, 1 / Math.sqrt(step + 2), step)
}

/** Acts every so many seconds until time is up. */
export async function pace(stepSeconds: number, seconds: number, act: (step: number) => Promise<void>): Promise<void> {
  const start = performance.now()
  for (let step = 0; performance.now() - start < seconds * 1000; step++) {
    await act(step)
    await setTimeout(stepSeconds * 1000)
  }
}

/** Of all threads of this process. */
async function processorSeconds(action: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await action()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

export function recordText(report: RecordReport): string {
  const { points, file_bytes, point_us, step_s, points_per_step, share, longest_wait_ms } = report
  return [
    `points     ${points.toLocaleString('en')}, metrics.json of ${formatBytes(file_bytes)}`,
    `per point  ${point_us.toFixed(1)} µs of CPU time`,
    `per run    ${percent(share)} of its time, at ${points_per_step} points per step of ${short(step_s)} s`,
    `per step   waits at most ${longest_wait_ms.toFixed(1)} ms`,
  ].join('\n')
}
