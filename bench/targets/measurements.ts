import { loadConfig } from '../../src/config/load.ts'
import type { Precision } from '../../src/graph/tensor.ts'
import type { OpsReport } from '../ops/ops.ts'
import type { PeerRequest } from '../peers/oracle.ts'
import { benchOriginal, type OriginalReport } from '../peers/original.ts'
import { findPythons } from '../peers/python.ts'
import { benchTfjs, type TfjsReport } from '../peers/tfjs.ts'
import { benchTuned, type TunedReport } from '../peers/tuned.ts'
import { ourJson } from '../processes.ts'
import type { Reproducibility } from '../step/reproducible.ts'
import type { StepReport } from '../step/step.ts'

/** The measurements behind the target table. Each runs in separate processes. */
export interface Measured {
  original: OriginalReport
  step: StepReport
  conv3d: OpsReport
  tfjs: TfjsReport
  bits: Reproducibility
  tuned: TunedReport
  rates: Record<Precision, OpsReport>
}

export type MeasurementName = keyof Measured

/** A measurement, or the reason why there is none. */
export type Outcome<T> = { value: T } | { reason: string }
export type Outcomes = { [Name in MeasurementName]?: Outcome<Measured[Name]> }

/** The size of all measurements. */
export interface Effort {
  /** configuration of the step, after `with` */
  words: readonly string[]
  steps: number
  rounds: number
  opsSeconds: number
  tfjsVolume: readonly [number, number, number]
  bitsWords: readonly string[]
  bitsSteps: number
}

const SMALL = ['training.image_size=[32,32,16]', 'model.num_structures=2', 'training.batch_size=1']
const NARROW = 'model.channels=[4,8,16,32,64]'

/** Without a GPU, bits are compared on a small model: two hundred steps of the large one would take hours. */
export function fullEffort(words: readonly string[], software: boolean): Effort {
  const bitsWords = software ? [...SMALL, NARROW] : words
  return { words, steps: 3, rounds: 2, opsSeconds: 1, tfjsVolume: [64, 64, 32], bitsWords, bitsSteps: 100 }
}

/** Tiny sizes and few steps: tests that it works, not how fast. */
export function quickEffort(words: readonly string[]): Effort {
  const tiny = [...SMALL, NARROW, ...words]
  return {
    words: tiny,
    steps: 1,
    rounds: 1,
    opsSeconds: 0.01,
    tfjsVolume: [16, 16, 16],
    bitsWords: tiny,
    bitsSteps: 2,
  }
}

/** The inputs of a measurement. */
export interface Bench extends Pick<PeerRequest, 'say' | 'once'> {
  effort: Effort
  /** versions of torch (prefixes) to run the original on */
  torches: readonly string[]
  /** earlier measurements */
  done: Outcomes
}

export interface Measurement<Name extends MeasurementName> {
  /** what it does */
  title: string
  /** approximate duration on two cores and a software adapter, or on a GPU if it requires one */
  minutes: number
  /** 'software' if the peer runs on the CPU */
  adapter: 'any' | 'software' | 'gpu'
  run(bench: Bench): Promise<Measured[Name]>
}

/** In the order of measurement: memory first, long before short. */
export const MEASUREMENTS: { readonly [Name in MeasurementName]: Measurement<Name> } = {
  original: {
    title: 'the training step, ours and the original in turn',
    minutes: 15,
    adapter: 'software',
    run: async bench => {
      const { found, missing } = await findPythons([])
      const wanted = found.filter(({ torch }) => bench.torches.some(version => torch.startsWith(version)))
      return benchOriginal({ ...peerRequest(bench), pythons: { found: wanted, missing } })
    },
  },
  step: {
    title: 'the training step, unless measured together with the original',
    minutes: 4,
    adapter: 'any',
    run: ({ done, effort, once }) =>
      done.original && 'value' in done.original
        ? Promise.resolve(done.original.value.last)
        : once('step', () => ours<StepReport>('step', '--steps', `${effort.steps}`, 'with', ...effort.words)),
  },
  tuned: {
    title: 'the training step in f32 and f16, and PyTorch in every mode',
    minutes: 15,
    adapter: 'gpu',
    run: async bench => benchTuned({ ...peerRequest(bench), pythons: await findPythons([]) }),
  },
  rates: {
    title: 'the convolutions of the step in every variant',
    minutes: 3,
    adapter: 'gpu',
    run: async ({ effort, once }) => {
      const of = (precision: Precision): Promise<OpsReport> =>
        once(`rates ${precision}`, () =>
          ops(effort.opsSeconds, 'conv3d forward (step', '--every-variant', '--precision', precision),
        )
      return { f32: await of('f32'), f16: await of('f16') }
    },
  },
  conv3d: {
    title: 'conv3d 32→32 against the multiply-add peak',
    minutes: 1,
    adapter: 'any',
    run: ({ effort, once }) => once('conv3d', () => ops(effort.opsSeconds, 'conv3d (step enc2.3)')),
  },
  tfjs: {
    title: 'conv3d 16→16, ours and tfjs-backend-webgpu in turn',
    minutes: 2,
    adapter: 'any',
    run: ({ effort, once }) =>
      once('tfjs', () => benchTfjs({ samples: 1, inputs: 16, outputs: 16, volume: effort.tfjsVolume })),
  },
  bits: {
    title: 'two runs from one seed, bit by bit',
    minutes: 2,
    adapter: 'any',
    run: ({ effort, once }) =>
      once('bits', () => ours<Reproducibility>('bits', '--steps', `${effort.bitsSteps}`, 'with', ...effort.bitsWords)),
  },
}

function peerRequest({ effort, say, once }: Bench): Omit<PeerRequest, 'pythons'> {
  const { words, steps, rounds } = effort
  return { loaded: loadConfig({ overrides: words }), words: ['with', ...words], steps, rounds, say, once }
}

function ours<T>(...words: string[]): Promise<T> {
  const [command, ...rest] = words
  return ourJson<T>('cli/main.ts', ['bench', command!, '--json', ...rest])
}

function ops(seconds: number, filter: string, ...options: string[]): Promise<OpsReport> {
  return ours<OpsReport>('ops', '--seconds', `${seconds}`, '--filter', filter, ...options)
}
