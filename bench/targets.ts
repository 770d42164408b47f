import { loadConfig } from '../src/config/load.ts'
import type { OpsReport } from './ops.ts'
import { pythonsOfEnvironment } from './peers/oracle.ts'
import { benchOriginal, type OriginalReport } from './peers/original.ts'
import { benchTfjs, type TfjsReport } from './peers/tfjs.ts'
import { benchTuned, type TunedReport } from './peers/tuned.ts'
import { ourJson } from './processes.ts'
import type { Reproducibility } from './reproducible.ts'
import type { StepReport } from './step.ts'
import { percent, short } from './table.ts'

/** A line of the target table. */
export interface TargetLine {
  name: string
  target: string
  /** measured; undefined where it could not be */
  reached?: string
  met?: boolean
  /** why it could not be measured here */
  reason?: string
}

export interface TargetReport {
  adapter: string | undefined
  /** smaller sizes and fewer steps: that it works, not how fast it is */
  quick: boolean
  lines: TargetLine[]
}

/** What the whole table is measured with. */
interface Effort {
  words: string[]
  steps: number
  rounds: number
  opsSeconds: number
  tfjsVolume: [number, number, number]
  bitsSteps: number
}

const FULL: Effort = { words: [], steps: 3, rounds: 2, opsSeconds: 1, tfjsVolume: [64, 64, 32], bitsSteps: 100 }
const QUICK_STEP = ['training.image_size=[32,32,16]', 'model.num_structures=2', 'training.batch_size=1']
const NARROW = 'model.channels=[4,8,16,32,64]'
const QUICK: Effort = {
  words: [...QUICK_STEP, NARROW],
  steps: 1,
  rounds: 1,
  opsSeconds: 0.01,
  tfjsVolume: [16, 16, 16],
  bitsSteps: 2,
}
/** Bits are compared on a small model: a hundred steps of the large one would take an hour on a CPU. */
const BITS_WORDS = [...QUICK_STEP, NARROW]

/** A measurement, or why there is none. */
type Outcome<T> = { value: T } | { reason: string }

async function attempt<T>(measure: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await measure() }
  } catch (error) {
    return { reason: (error as Error).message }
  }
}

/**
 * Measures every line of the target table, each in processes of its own; what cannot be measured says why. Memory is compared first,
 * while this process is small: a child's high-water mark may count its parent's.
 */
export async function benchTargets(quick: boolean, say: (line: string) => void): Promise<TargetReport> {
  const effort = quick ? QUICK : FULL
  const words = ['with', ...effort.words]
  const request = { loaded: loadConfig({ overrides: effort.words }), words, steps: effort.steps, rounds: effort.rounds }
  const pythons = pythonsOfEnvironment()
  say('the training step, ours and the original in turn')
  const original = await attempt(() => benchOriginal({ ...request, pythons }))
  const step: Outcome<StepReport> = 'value' in original ? { value: original.value.last } : original
  const cuda = 'value' in step && !step.value.software
  say('PyTorch on the GPU')
  const tuned = cuda ? await attempt(() => benchTuned({ ...request, pythons })) : { reason: 'the adapter is no GPU' }
  say('convolutions')
  const ops = await attempt(() =>
    ourJson<OpsReport>('cli/main.ts', [
      'bench',
      'ops',
      '--json',
      '--seconds',
      `${effort.opsSeconds}`,
      '--filter',
      'conv3d (step enc2.3)',
    ]),
  )
  say('tfjs-backend-webgpu')
  const tfjs = await attempt(() => benchTfjs({ samples: 1, inputs: 16, outputs: 16, volume: effort.tfjsVolume }))
  say('two runs, bit by bit')
  const bits = await attempt(() =>
    ourJson<Reproducibility>('cli/main.ts', [
      'bench',
      'bits',
      '--json',
      '--steps',
      `${effort.bitsSteps}`,
      'with',
      ...BITS_WORDS,
    ]),
  )
  const lines = [
    ...originalLines(original),
    ...convLines(ops),
    ...tfjsLines(tfjs),
    ...gpuLines(tuned, ops),
    ...stepLines(step),
    bitsLine(bits),
  ]
  const adapter = 'value' in step ? step.value.adapter : undefined
  return { adapter, quick, lines: quick ? lines.map(unjudged) : lines }
}

/** Tiny sizes neither meet nor miss a target. */
function unjudged({ met: _, ...line }: TargetLine): TargetLine {
  return line
}

function lineOf<T>(
  name: string,
  target: string,
  outcome: Outcome<T>,
  measured: (value: T) => { reached: string; met: boolean } | { reason: string },
): TargetLine {
  return { name, target, ...('value' in outcome ? measured(outcome.value) : { reason: outcome.reason }) }
}

function originalLines(outcome: Outcome<OriginalReport>): TargetLine[] {
  const against = (version: string, least: number): TargetLine[] => {
    const peerOf = ({ peers }: OriginalReport) => peers.find(({ torch }) => torch.startsWith(version))
    const absent = { reason: `no python with torch ${version}: SADAAN_PYTHON and SADAAN_PYTHON_2 name pythons` }
    const uneven = { reason: 'ours ran on a GPU, the original on the processor' }
    return [
      lineOf(`step against the original, torch ${version}`, `≥ ${least}× faster`, outcome, report => {
        const peer = peerOf(report)
        if (!peer) return absent
        if (peer.memory_ratio === null) return uneven
        return { reached: `${short(peer.time_ratio)}×`, met: peer.time_ratio >= least }
      }),
      lineOf(`peak memory against the original, torch ${version}`, '≤ 1/3', outcome, report => {
        const peer = peerOf(report)
        if (!peer) return absent
        if (peer.memory_ratio === null) return uneven
        return { reached: `${short(peer.memory_ratio)}`, met: peer.memory_ratio <= 1 / 3 }
      }),
    ]
  }
  return [...against('1.13', 1.5), ...against('2.13', 1)]
}

function convLines(outcome: Outcome<OpsReport>): TargetLine[] {
  const targets = { forward: 0.45, 'backward data': 0.45, 'backward weight': 0.4 }
  return Object.entries(targets).map(([pass, least]) =>
    lineOf(`conv3d 32→32 ${pass}, share of the fma peak`, `≥ ${100 * least} %`, outcome, ({ rows }) => {
      const { share } = rows.find(row => row.pass === pass)!
      return { reached: percent(share), met: share >= least }
    }),
  )
}

function tfjsLines(outcome: Outcome<TfjsReport>): TargetLine[] {
  return (['forward', 'forward_backward'] as const).map(pass =>
    lineOf(`conv3d 16→16 ${pass.replace('_', ' + ')} against tfjs-webgpu`, '≥ 25×', outcome, report => ({
      reached: `${short(report[pass].ratio)}×`,
      met: report[pass].ratio >= 25,
    })),
  )
}

/** Lines that need an NVIDIA GPU that PyTorch sees too. */
function gpuLines(tuned: Outcome<TunedReport>, ops: Outcome<OpsReport>): TargetLine[] {
  const against = (precision: string, modes: readonly string[] | undefined, least: number) =>
    lineOf(
      `${precision} step against the best of PyTorch ${modes?.join(', ') ?? 'in any mode'}`,
      `≥ ${least}×`,
      tuned,
      ({ ours, peers }) => {
        if (ours.precision !== precision) return { reason: `this step was ${ours.precision}` }
        const ratios = peers.filter(({ device, mode }) => device === 'cuda' && (modes?.includes(mode) ?? true))
        const times = ratios.flatMap(({ time_ratio }) => time_ratio ?? [])
        if (times.length === 0) return { reason: 'no python with a CUDA torch' }
        return { reached: `${short(Math.min(...times))}×`, met: Math.min(...times) >= least }
      },
    )
  const rate = (what: string, least: number, isOf: (variants: string) => boolean) =>
    lineOf(`H100 conv3d ${what}`, `≥ ${least} TFLOP/s`, ops, ({ adapter, rows }) => {
      if (!/H100/i.test(adapter)) return { reason: `the adapter is ${adapter}` }
      const rates = rows
        .filter(({ variants }) => isOf(Object.values(variants).join()))
        .map(({ gflops }) => gflops / 1000)
      if (rates.length === 0) return { reason: 'no such variant was chosen' }
      return { reached: `${short(Math.max(...rates))} TFLOP/s`, met: Math.max(...rates) >= least }
    })
  return [
    against('f32', ['fp32'], 2),
    against('f16', undefined, 1),
    rate('fp32', 30, variants => !/f16|matrix/.test(variants)),
    rate('f16 in, f32 accumulate', 100, variants => /f16|matrix/.test(variants)),
  ]
}

function stepLines(outcome: Outcome<StepReport>): TargetLine[] {
  return [
    lineOf('encode + submit, share of a step', '< 3 %', outcome, ({ encode_share }) => ({
      reached: percent(encode_share),
      met: encode_share < 0.03,
    })),
    lineOf('objects created per step', '0', outcome, ({ objects_per_step }) => ({
      reached: `${objects_per_step}`,
      met: objects_per_step === 0,
    })),
    lineOf('waiting for the loader, share of a step', '< 2 %', outcome, ({ loader_wait_share }) => ({
      reached: percent(loader_wait_share),
      met: loader_wait_share < 0.02,
    })),
  ]
}

function bitsLine(outcome: Outcome<Reproducibility>): TargetLine {
  return lineOf('same seed, same adapter, 100 steps, twice', 'identical bits', outcome, ({ identical, steps }) => ({
    reached: `${identical ? 'identical' : 'different'} after ${steps} steps`,
    met: identical && steps >= 100,
  }))
}
