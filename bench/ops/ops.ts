import { defaultConfig } from '../../src/config/schema.ts'
import { Device } from '../../src/gpu/device.ts'
import { Pipelines } from '../../src/gpu/pipelines.ts'
import type { Precision } from '../../src/graph/tensor.ts'
import type { Choice } from '../../src/plan/lower.ts'
import { knownChoice } from '../../src/run/variants.ts'
import { InputError } from '../../src/util/error.ts'
import type { Clock, Timing } from '../clock.ts'
import { callsOf, chosenVariants, otherVariants } from '../variants.ts'
import { measurePeaks, type Peaks } from './peaks.ts'
import { boundBytes, type Gpu, Prepared } from './prepared.ts'
import { record, type Verified, verify, WrongResult } from './recorded_row.ts'
import { benchRows, type Cases, type Row } from './rows.ts'

export interface OpsRequest {
  /** their rows are measured before those of the step */
  cases: Cases
  adapter?: string
  /** words that a row's label must contain */
  filter?: string
  /** minimum time per row */
  seconds: number
  /** storage type of activations */
  precision: Precision
  /** also measures every other variant of each row */
  everyVariant: boolean
  /** called after every row */
  onRow?: (line: OpsLine) => void
  warn(line: string): void
}

/** One measured row. */
export interface OpsLine extends Timing {
  label: string
  operation: string
  pass: string
  /** the layer of the step, or 'test' */
  from: string
  row: object
  /** whether the rules or the tuned table chose the variant; false if it was requested */
  chosen: boolean
  /** 2 · multiply-adds; 0 if memory-bound */
  flops: number
  /** those declared by the dispatches */
  performed_flops: number
  /** lower bound of the bytes moved */
  bytes: number
  gflops: number
  gbytes: number
  /** of the measured multiply-add peak, or of the measured copy bandwidth if flops is 0 */
  share: number
  /** of the measured copy bandwidth */
  copy_share: number
  dispatches: number
  variants: Record<string, string>
  verified: Verified
}

export interface OpsReport {
  adapter: string
  precision: Precision
  clock: string
  peak_gflops: number
  /** copy bandwidth of a kernel, the base of shares */
  copy_gbytes: number
  /** of the adapter's own buffer copy */
  buffer_copy_gbytes: number
  rows: OpsLine[]
  skipped: Unmeasured[]
  /** incorrect variants are not timed */
  wrong: Unmeasured[]
}

interface Unmeasured {
  label: string
  reason: string
}

/** Long enough for an undisturbed measurement. */
const PEAK_SECONDS = 0.3

interface Bench extends Gpu {
  clock: Clock
  peaks: Peaks
  precision: Precision
  /** for rows without a requested variant */
  known: Choice
  /** time per row */
  seconds: number
}

/** `wanted` names the variant, for kernels that have it; by default the tuned table or the rules choose. `others` could also have run. */
async function measureRow(bench: Bench, row: Row, wanted?: string): Promise<{ line: OpsLine; others: string[] }> {
  const { clock, peaks, precision, seconds } = bench
  const choice = wanted === undefined ? bench.known : () => wanted
  const recording = record(row, precision)
  const limit = row.operation.limit?.(row.row) ?? bench.device.facts.maxBindingBytes
  const facts = { ...bench.device.facts, maxBindingBytes: limit, precision }
  const prepared = await Prepared.make(bench, { ...recording, facts, choice })
  try {
    const { plan, runner } = prepared
    const calls = callsOf(plan, recording.calls)
    const variants = chosenVariants(calls, facts, choice)
    const verified = await verify(row, recording, prepared, { precision, variants: Object.values(variants) })
    const timing = await clock.time(runner, seconds)
    const flops = row.operation.flops(row.row) * (row.pass === 'forward + backward' ? 3 : 1)
    const bytes = row.pass === 'forward' && precision === 'f32' ? row.operation.bytes(row.row) : boundBytes(plan)
    const [rate, traffic] = [flops / timing.seconds, bytes / timing.seconds]
    const line: OpsLine = {
      label: row.label,
      operation: row.operation.operation,
      pass: row.pass,
      from: row.from,
      row: row.row,
      chosen: wanted === undefined,
      ...timing,
      flops,
      performed_flops: plan.flops,
      bytes,
      gflops: rate / 1e9,
      gbytes: traffic / 1e9,
      share: flops > 0 ? rate / peaks.flops : traffic / peaks.bytes,
      copy_share: traffic / peaks.bytes,
      dispatches: plan.dispatches.length,
      variants,
      verified,
    }
    return { line, others: otherVariants(calls, facts, choice) }
  } finally {
    prepared.destroy()
  }
}

/** Measures a row's default and, on request, every other variant. */
async function measureVariants(
  bench: Bench,
  row: Row,
  { everyVariant, onRow }: OpsRequest,
  { rows, wrong }: Pick<OpsReport, 'rows' | 'wrong'>,
): Promise<void> {
  const waiting: (string | undefined)[] = [undefined]
  for (const wanted of waiting)
    try {
      const { line, others } = await measureRow(bench, row, wanted)
      if (everyVariant && wanted === undefined) waiting.push(...others)
      rows.push(line)
      onRow?.(line)
    } catch (error) {
      if (!(error instanceof WrongResult)) throw error
      wrong.push({ label: [row.label, wanted].filter(part => part !== undefined).join(' as '), reason: error.message })
    }
}

/** Measures the adapter's peaks, then verifies and times every row. Throws InputError if the filter matches none. */
export async function benchOps(request: OpsRequest): Promise<OpsReport> {
  const { precision } = request
  const rows = benchRows(request.cases, request.filter)
  const device = await Device.open(request.adapter)
  try {
    if (precision === 'f16' && !device.facts.features.has('shader-f16'))
      throw new InputError(`bench ops: ${device.name} has no shader-f16, expected --precision f32`)
    const gpu = { device, pipelines: new Pipelines(device) }
    const { clock, peaks } = await measurePeaks(gpu, Math.max(request.seconds, PEAK_SECONDS))
    const known = knownChoice(device, defaultConfig(), request.warn, { ...device.facts, precision })
    const bench: Bench = { ...gpu, clock, peaks, precision, known, seconds: request.seconds }
    const report = { rows: [] as OpsLine[], skipped: [] as Unmeasured[], wrong: [] as Unmeasured[] }
    for (const row of rows) {
      const reason = row.operation.skip?.(row.row, device.facts)
      if (reason !== undefined) report.skipped.push({ label: row.label, reason })
      else await measureVariants(bench, row, request, report)
    }
    return {
      adapter: device.name,
      precision,
      clock: clock.source,
      peak_gflops: peaks.flops / 1e9,
      copy_gbytes: peaks.bytes / 1e9,
      buffer_copy_gbytes: peaks.bufferCopy / 1e9,
      ...report,
    }
  } finally {
    device.close()
  }
}
