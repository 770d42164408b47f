import { expect } from 'vitest'
import type { Arena } from '../../src/graph/arena.ts'
import type { AdapterFacts, Call } from '../../src/graph/kernel.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { ModelState } from '../../src/nn/model_state.ts'
import { INITIAL_LOSS_SCALE } from '../../src/optim/loss_scale.ts'
import { makePlan } from '../../src/plan/plan.ts'
import { Runner, SlotPool } from '../../src/plan/runner.ts'
import { Storage } from '../../src/plan/storage.ts'
import { TERMS } from '../../src/run/batch_result.ts'
import { writeLossScale } from '../../src/run/model_weights.ts'
import { OptimizerMemory } from '../../src/run/optimizer_memory.ts'
import { batchTensors, recordPrediction, recordTraining, recordUpdate } from '../../src/run/tapes.ts'
import { sizeOf } from '../../src/util/shape.ts'
import { testDevice } from '../harness.ts'
import { normError, relativeError } from '../numbers.ts'
import type { Golden } from './golden_file.ts'

/** The true gradient of a bias in front of a batch norm is zero: what is left is rounding. */
const BIAS_BEFORE_NORM = /(?:(?:enc\d|dec\d|feature_refine)\.[03]|(?:attention_conv|feature_matcher)\.0)\.bias$/

export const at = await testDevice()

/** Errors allowed: of outputs and loss terms, gradients, running statistics, and of the distance that the parameters moved. */
interface Tolerance {
  outputs: number
  gradients: number
  running: number
  moved: number
}

const SMOOTH: Tolerance = { outputs: 1e-4, gradients: 3e-3, running: 1e-4, moved: 5e-3 }
const ROUGH: Tolerance = { outputs: 1e-4, gradients: 5e-2, running: 1e-2, moved: 1e-1 }
/** f16's unit in the last place is 1e-3, and every layer rounds. */
const HALF: Tolerance = { outputs: 5e-3, gradients: 5e-3, running: 5e-3, moved: 1e-2 }

/** Steps and evaluation of a golden on the adapter, held to its numbers. `variant`: how to convolve wherever it fits. */
export async function runGolden(golden: Golden, facts: AdapterFacts, variant?: string): Promise<void> {
  const session = await Session.open(golden, facts, variant)
  try {
    await session.load('initial')
    for (let step = 0; step < golden.steps; step++) await session.trainStep(step)
    await session.checkParameters()
    await session.checkEvaluation()
  } finally {
    session.close()
  }
}

/** A golden's model on the adapter. */
class Session {
  private readonly golden: Golden
  private readonly facts: AdapterFacts
  private readonly tolerance: Tolerance
  private readonly variant: string | undefined
  private readonly state: ModelState
  private readonly optimizer: OptimizerMemory
  private readonly storage = new Storage(at.device)
  private readonly batch: ReturnType<typeof batchTensors>

  private constructor(golden: Golden, facts: AdapterFacts, variant?: string) {
    this.golden = golden
    this.facts = facts
    this.tolerance = facts.precision === 'f16' ? HALF : golden.smooth ? SMOOTH : ROUGH
    this.variant = variant
    this.state = new ModelState(golden.shape)
    this.optimizer = new OptimizerMemory(this.state, golden.config.optimizer)
    this.batch = batchTensors(this.state, golden.batch)
  }

  static async open(golden: Golden, facts: AdapterFacts, variant?: string): Promise<Session> {
    const session = new Session(golden, facts, variant)
    const { state, optimizer, storage, batch } = session
    for (const arena of [state.parameters, state.gradients, state.running, state.batch, ...optimizer.arenas])
      storage.addArena(arena)
    for (const t of [state.batchesTracked, ...optimizer.tensors, ...Object.values(batch)]) storage.addTensor(t)
    storage.write(batch.ones, new Float32Array(sizeOf(batch.ones.shape)).fill(1))
    storage.write(batch.seed, Float32Array.of(1))
    storage.addTensor(state.lossScale)
    writeLossScale(storage, state, golden.config, INITIAL_LOSS_SCALE)
    storage.write(optimizer.learningRate, Float32Array.of(golden.config.training.learning_rate))
    return session
  }

  async load(group: 'initial' | 'final'): Promise<void> {
    for (const { name, role } of this.state.entries)
      if (role !== 'num_batches_tracked')
        this.storage.write(this.state.tensor(name), Float32Array.from(this.golden.numbers(`${group}/${name}`)))
  }

  /** Replays calls once and reads the wanted tensors. */
  private async run(
    calls: readonly Call[],
    wanted: Record<string, Tensor>,
    clear: Arena[] = [],
  ): Promise<Record<string, Float32Array>> {
    const plan = makePlan('golden', calls, Object.values(wanted), this.facts, { choice: () => this.variant })
    const pool = await SlotPool.allocate(at.device, [plan])
    pool.poison()
    const runner = await Runner.prepare(plan, { ...at, storage: this.storage, pool })
    runner.submit(undefined, encoder => {
      for (const arena of clear) encoder.clearBuffer(this.storage.bufferOf(arena))
    })
    const values: Record<string, Float32Array> = {}
    for (const [name, t] of Object.entries(wanted)) values[name] = await runner.read(t)
    pool.destroy()
    return values
  }

  private upload(step: number): void {
    const { golden, storage, batch } = this
    storage.write(batch.image, Float32Array.from(golden.numbers(`step${step}/x`)))
    storage.write(batch.maskBits, packBits(golden.numbers(`step${step}/masks`)))
    storage.write(batch.presence, Float32Array.from(golden.numbers(`step${step}/presence`)))
  }

  async trainStep(step: number): Promise<void> {
    const { golden, state, batch } = this
    this.upload(step)
    const names = golden.shape.structures
    const { calls, outputs } = recordTraining(
      state,
      batch,
      golden.config,
      Array.from({ length: names }, (_, s) => `structure_${s}`),
    )
    const { terms, ...found } = await this.run(calls, { terms: outputs.terms, ...outputs.model }, [state.gradients])
    if (step === 0) this.compareOutputs('step0/out', found, this.tolerance.outputs)
    for (const [i, term] of TERMS.entries()) {
      const expected = golden.numbers(`step${step}/loss/${term}`)[0]!
      expect(
        Math.abs(terms![i]! - expected) / Math.max(Math.abs(expected), 1e-2),
        `step ${step} ${term}`,
      ).toBeLessThanOrEqual(this.tolerance.outputs)
    }
    if (step === 0) await this.compareGradients()
    const update = recordUpdate(state, this.optimizer, golden.config)
    const { clip } = await this.run(update.calls, update.outputs)
    const norm = golden.numbers(`step${step}/grad_norm`)[0]!
    expect(Math.abs(clip![0]! - norm) / norm, `step ${step} gradient norm`).toBeLessThanOrEqual(
      this.tolerance.gradients,
    )
  }

  private compareOutputs(group: string, found: Record<string, Float32Array>, tolerance: number): void {
    for (const [name, values] of Object.entries(found)) {
      if (!this.golden.has(`${group}/${name}`)) continue
      expect(relativeError(values, this.golden.numbers(`${group}/${name}`)), `${group}/${name}`).toBeLessThanOrEqual(
        tolerance,
      )
    }
  }

  private async compareGradients(): Promise<void> {
    const { golden, state, storage } = this
    const { precision } = golden.config.compute
    const scale = precision === 'f16' ? 2 ** INITIAL_LOSS_SCALE.exponent : 1
    const gradients = (await storage.readArena(state.gradients)).map(g => g / scale)
    const trained = state.entries.filter(({ role, name }) => role === 'trained' && !BIAS_BEFORE_NORM.test(name))
    const expected = new Map(trained.map(({ name }) => [name, golden.numbers(`step0/grad/${name}`)]))
    const global = Math.hypot(...[...expected.values()].map(values => Math.hypot(...chunked(values))))
    for (const [name, values] of expected) {
      const t = state.tensor(name)
      const start = state.parameters.offsetOf(t)
      const error = normError(gradients.subarray(start, start + sizeOf(t.shape)), values, 1e-6 * global)
      expect(error, `gradient of ${name}`).toBeLessThanOrEqual(this.tolerance.gradients)
    }
  }

  /**
   * The distance from where the steps should have led, over all parameters, as a share of the distance moved: a tensor by itself may
   * have moved by a few units in the last place only.
   */
  async checkParameters(): Promise<void> {
    const { golden, state, storage } = this
    const missed: number[] = []
    const moved: number[] = []
    for (const { name, role } of state.entries) {
      if (role === 'num_batches_tracked' || BIAS_BEFORE_NORM.test(name)) continue
      const found = await storage.read(state.tensor(name))
      const [start, end] = [golden.numbers(`initial/${name}`), golden.numbers(`final/${name}`)]
      if (role.startsWith('running')) {
        expect(relativeError(found, end, this.spreadOf(name)), name).toBeLessThanOrEqual(this.tolerance.running)
      } else {
        moved.push(...chunked(end.map((value, i) => value - start[i]!)))
        missed.push(...chunked(end.map((value, i) => value - found[i]!)))
      }
    }
    const share = Math.hypot(...missed) / Math.hypot(...moved)
    expect(share, `distance missed over ${golden.steps} steps`).toBeLessThanOrEqual(this.tolerance.moved)
    expect([...(await storage.readWords(state.batchesTracked))], 'num_batches_tracked').toEqual([golden.steps])
    expect([...(await storage.readWords(this.optimizer.counts))], 'updates').toEqual([golden.steps, 0])
  }

  /** A mean is as exact as the numbers it is of: their standard deviation, largest over channels, is its unit. A variance is its own. */
  private spreadOf(name: string): number {
    if (!name.endsWith('.running_mean')) return 0
    return Math.sqrt(Math.max(...this.golden.numbers(`final/${name.replace(/mean$/, 'var')}`)))
  }

  async checkEvaluation(): Promise<void> {
    await this.load('final')
    this.upload(0)
    const { calls, outputs } = recordPrediction(this.state, this.batch)
    // evaluation stores f32; matrices round all the same
    const tolerance = this.variant === 'matrix' ? HALF : SMOOTH
    this.compareOutputs('eval', await this.run(calls, { ...outputs }), tolerance.outputs)
  }

  close(): void {
    this.storage.destroy()
  }
}

/** Norms of pieces, so that Math.hypot gets few arguments. */
function chunked(values: Float64Array): number[] {
  const pieces = Array.from({ length: Math.ceil(values.length / 1024) }, (_, i) =>
    values.subarray(1024 * i, 1024 * (i + 1)),
  )
  return pieces.map(piece => Math.hypot(...piece))
}

/** Bit j of word i is element 32·i + j. */
function packBits(mask: Float64Array): Uint32Array {
  const words = new Uint32Array(mask.length / 32)
  mask.forEach((value, i) => {
    if (value) words[i >> 5]! |= 1 << (i & 31)
  })
  return words
}

/** The golden with activations stored as f16. */
export function rounded(golden: Golden): Golden {
  return { ...golden, config: { ...golden.config, compute: { ...golden.config.compute, precision: 'f16' } } }
}
