import type { Precision } from '../../src/graph/tensor.ts'
import type { OpsLine } from '../ops/ops.ts'
import { percent, short } from '../table.ts'
import { HALF_VARIANTS } from '../variants.ts'
import type { Measured, MeasurementName, Outcome, Outcomes } from './measurements.ts'

/** The result of a row. `met` is undefined if the target does not apply to this adapter or size. */
export type Reading = { reached: string; value: number; met?: boolean } | { reason: string }

/** A row of the target table. */
export interface TargetRow {
  /** its name on the command line */
  name: string
  title: string
  target: string
  needs: MeasurementName
  read(outcomes: Outcomes): Reading
}

function row<Name extends MeasurementName>(
  needs: Name,
  name: string,
  title: string,
  target: string,
  read: (measured: Measured[Name]) => Reading,
): TargetRow {
  const reading = (outcomes: Outcomes): Reading => {
    const outcome = outcomes[needs] as Outcome<Measured[Name]>
    return 'value' in outcome ? read(outcome.value) : outcome
  }
  return { name, title, target, needs, read: reading }
}

/** A version of torch for the original, the target speed-up, and the variable that names a Python with it. */
const ORIGINALS = [
  { version: '1.13', least: 1.5, variable: 'SADAAN_PYTHON' },
  { version: '2.13', least: 1, variable: 'SADAAN_PYTHON_2' },
] as const

/** Target share of the original's memory. */
const MEMORY = 1 / 3

export const TORCHES: readonly string[] = ORIGINALS.map(({ version }) => version)

/** The version of torch that a row needs, if any. */
export function torchOf({ name }: TargetRow): string | undefined {
  return TORCHES.find(version => name.endsWith(`-${version}`))
}

function originalRows({ version, least, variable }: (typeof ORIGINALS)[number]): TargetRow[] {
  const reader =
    (figure: 'time_ratio' | 'memory_ratio', read: (ratio: number) => Reading) =>
    ({ peers, missing }: Measured['original']): Reading => {
      const peer = peers.find(({ torch }) => torch.startsWith(version))
      const why = missing.map(({ python, reason }) => `; ${python}: ${reason}`).join('')
      if (!peer) return { reason: `no Python with torch ${version} found: set ${variable} to one${why}` }
      return peer.failed === undefined ? read(peer[figure]!) : { reason: peer.failed }
    }
  const faster = reader('time_ratio', value => ({ value, reached: `${short(value)}×`, met: value >= least }))
  const memory = reader('memory_ratio', value => ({ value, reached: `${short(value)}`, met: value <= MEMORY }))
  const against = `against the original on torch ${version}`
  return [
    row('original', `step-${version}`, `training step ${against}`, `≥ ${least}× faster`, faster),
    row('original', `memory-${version}`, `peak memory of the process ${against}`, '≤ 1/3', memory),
  ]
}

const SHARES = { forward: 0.45, 'backward data': 0.45, 'backward weight': 0.4 }

/**
 * The effective share: multiply-adds of the plain convolution over the time, whatever the kernel actually computes. The savings
 * are printed with it.
 */
function convRow([pass, least]: [string, number]): TargetRow {
  const name = `conv3d-${pass.replace(' ', '-')}`
  const title = `conv3d 32→32 ${pass}, share of the multiply-add peak`
  return row('conv3d', name, title, `≥ ${100 * least} %, fewer multiplies counted`, ({ rows, wrong }) => {
    const line = rows.find(each => each.pass === pass)
    if (!line) return { reason: wrong.map(({ label, reason }) => `${label} ${reason}`).join('; ') }
    return { value: line.share, reached: `${percent(line.share)}${savingOf(line)}`, met: line.share >= least }
  })
}

function savingOf({ flops, performed_flops }: OpsLine): string {
  const saving = flops / performed_flops
  return saving > 1.01 ? `, with ${short(saving)}× fewer multiplies` : ''
}

const TFJS_RATIO = 25

const tfjsRows = (['forward', 'forward_backward'] as const).map(pass => {
  const title = `conv3d 16→16 ${pass.replace('_', ' + ')} against tfjs-webgpu, same adapter`
  return row('tfjs', `tfjs-${pass.replace('_', '-')}`, title, `≥ ${TFJS_RATIO}×`, report => {
    const { ratio } = report[pass]
    return { value: ratio, reached: `${short(ratio)}×`, met: ratio >= TFJS_RATIO }
  })
})

/** Our step in one precision against the fastest PyTorch among `modes`, in any layout, eager or compiled. */
function tunedRow(precision: string, modes: readonly string[], least: number): TargetRow {
  const title = `H100: ${precision} step against the best of PyTorch ${modes.join(', ')}`
  return row('tuned', `h100-step-${precision}`, title, `≥ ${least}×`, ({ ours, peers }) => {
    const own = ours.find(({ mode }) => mode === precision)
    if (!own) return { reason: `the request has another precision than ${precision}` }
    if (own.failed !== undefined) return { reason: own.failed }
    const rivals = peers.filter(({ device, mode }) => device === 'cuda' && modes.includes(mode))
    const times = rivals.flatMap(({ step_s }) => step_s ?? [])
    if (times.length === 0) return { reason: 'no Python with a CUDA torch: set SADAAN_PYTHON to one' }
    const value = Math.min(...times) / own.step_s!
    return { value, reached: `${short(value)}×`, ...judged(own.device, value >= least) }
  })
}

/** The best rate of the step's convolutions, over layers and over the variants with (or without) f16 inputs. */
function rateRow(kind: Precision, least: number): TargetRow {
  const title = `H100: conv3d, ${kind === 'f32' ? 'fp32' : 'f16 in, f32 accumulate'}`
  return row('rates', `h100-conv3d-${kind}`, title, `≥ ${least} TFLOP/s`, reports => {
    const { adapter, rows } = reports[kind]
    const isHalf = ({ variants }: OpsLine): boolean =>
      Object.values(variants).some(name => HALF_VARIANTS.includes(name))
    const rates = rows.filter(line => kind === 'f16' || !isHalf(line)).map(({ gflops }) => gflops / 1000)
    const value = Math.max(...rates)
    return { value, reached: `${short(value)} TFLOP/s`, ...judged(adapter, value >= least) }
  })
}

/** On another GPU the figure is printed, but not judged against the target. */
function judged(adapter: string, met: boolean): { met?: boolean } {
  return /H100/i.test(adapter) ? { met } : {}
}

const stepRows = [
  row('step', 'encode', 'encode + submit, share of a step', '< 3 %', ({ encode_share: value }) => {
    return { value, reached: percent(value), met: value < 0.03 }
  }),
  row('step', 'objects', 'objects created per step, except command buffers', '0', ({ objects_per_step: value }) => {
    return { value, reached: `${value}`, met: value === 0 }
  }),
  row('step', 'loader', 'waiting for the loader, share of a step', '< 2 %', ({ loader_wait_share: value }) => {
    return { value, reached: percent(value), met: value < 0.02 }
  }),
]

const BITS_STEPS = 100

const bitsRow = row('bits', 'bits', `same seed, same adapter, ${BITS_STEPS} steps, twice`, 'identical bits', report => {
  const { identical, steps, size, channels } = report
  const reached = `${identical ? 'identical' : 'different'}: ${steps} steps, ${size.join('×')}, channels ${channels.join(', ')}`
  return { value: Number(identical), reached, met: identical && steps >= BITS_STEPS }
})

/** The target table, in its order. */
export const TARGET_ROWS: readonly TargetRow[] = [
  ...ORIGINALS.flatMap(originalRows),
  ...Object.entries(SHARES).map(convRow),
  ...tfjsRows,
  tunedRow('f32', ['fp32'], 2),
  tunedRow('f16', ['fp32', 'tf32', 'fp16', 'bf16'], 1),
  rateRow('f32', 30),
  rateRow('f16', 100),
  ...stepRows,
  bitsRow,
]
