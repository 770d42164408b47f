import type { Config } from '../config/schema.ts'
import type { AdapterFacts, Call } from '../graph/kernel.ts'
import { type Tensor, tensor } from '../graph/tensor.ts'
import { ModelState } from '../nn/model_state.ts'
import type { SadaanShape } from '../nn/specification.ts'
import type { Choice } from '../plan/lower.ts'
import { makePlan, type Plan, type PlanOptions, slotBytes } from '../plan/plan.ts'
import { storageBytes } from '../plan/storage.ts'
import type { Layout } from '../run/allocation.ts'
import { type GradientSum, gradientSums, sumOver } from '../run/gradient_sums.ts'
import { OptimizerMemory } from '../run/optimizer_memory.ts'
import {
  type BatchTensors,
  batchTensors,
  type EvaluationOutputs,
  type LossOutputs,
  recordCommit,
  recordEvaluation,
  recordTraining,
  recordUpdate,
} from '../run/tapes.ts'
import { factsFor } from '../run/variants.ts'
import { type GradientPart, gradientParts } from './ranks/parts.ts'

/** Parts of the gradients that ranks exchange one after another, while the backward pass works on the others. */
const PARTS = 16

/** What a training step is planned from. */
export interface TrainingSpec {
  config: Config
  shape: SadaanShape
  structureNames: readonly string[]
  batchSize: number
  /** batches of the longest window; by default training.gradient_accumulation_steps, which an epoch may not reach */
  window?: number
  /** other ranks have batches of the same windows: statistics are committed for those of all, when they are known */
  isShared?: boolean
  /** names the kernels' variants; without it, their rules decide */
  choice?: Choice
}

/** The plans of training and the memory they need, all known without touching the GPU. */
export interface TrainingPlans extends Layout {
  state: ModelState
  optimizer: OptimizerMemory
  batch: BatchTensors
  accumulate: Plan
  accumulateOutputs: LossOutputs
  /** with other ranks: commits the statistics of a batch whose loss is `total` (1) */
  commit?: { total: Tensor; plan: Plan }
  /** of the window, from level 0; `parts` has a plan for each of `parts` */
  sums: readonly (GradientSum & { plan: Plan; parts: readonly Plan[] })[]
  /** the gradients as ranks exchange them; none without other ranks */
  parts: readonly GradientPart[]
  update: Plan
  evaluate: Plan
  evaluateOutputs: EvaluationOutputs
}

function record({ config, shape, structureNames, batchSize, window, isShared = false }: TrainingSpec) {
  const state = new ModelState(shape)
  const optimizer = new OptimizerMemory(state, config.optimizer)
  const batch = batchTensors(state, batchSize)
  return {
    state,
    optimizer,
    batch,
    training: recordTraining(state, batch, config, structureNames, !isShared),
    committing: isShared ? commitOfRanks(state) : undefined,
    summing: gradientSums(state, window ?? config.training.gradient_accumulation_steps),
    evaluation: recordEvaluation(optimizer.averaged ?? state, batch, config),
    updating: recordUpdate(state, optimizer, config),
  }
}

function commitOfRanks(state: ModelState) {
  const total = tensor('loss', [1], 'input')
  return { total, ...recordCommit(state, total) }
}

/** Every kernel call of training, for choosing variants. */
export function trainingCalls(spec: TrainingSpec): Call[] {
  const { training, summing, committing, evaluation, updating } = record(spec)
  const sums = summing.flatMap(({ calls }) => calls)
  return [...training.calls, ...sums, ...(committing?.calls ?? []), ...evaluation.calls, ...updating.calls]
}

/** Plans training on an adapter with these facts. Throws BindingLimitError if it cannot hold the batch. */
export function planTraining(adapter: AdapterFacts, spec: TrainingSpec): TrainingPlans {
  const facts = factsFor(adapter, spec.config)
  const { state, optimizer, batch, training, summing, committing, evaluation, updating } = record(spec)
  const options: PlanOptions = spec.choice ? { choice: spec.choice } : {}
  const accumulate = makePlan('accumulate', training.calls, resultsOf(training.outputs), facts, {
    ...options,
    ...(committing && { exchanged: state.gradients }),
  })
  const parts = committing ? gradientParts(accumulate, state.gradients, PARTS) : []
  const sums = summing.map(sum => ({
    ...sum,
    plan: makePlan('sum', sum.calls, [], facts, options),
    parts: parts.map(({ ranges }) => makePlan('sum of a part', sumOver(state, sum, ranges), [], facts, options)),
  }))
  const commit = committing && {
    total: committing.total,
    plan: makePlan('commit', committing.calls, [], facts, options),
  }
  // the masks stay in place after the pass, for the few samples that are pictured
  const evaluated = [...resultsOf(evaluation.outputs), evaluation.outputs.predicted]
  const evaluate = makePlan('evaluate', evaluation.calls, evaluated, facts, options)
  const update = makePlan('update', updating.calls, Object.values(updating.outputs), facts, options)
  const kept = sums.map(({ arena }) => arena)
  const arenas = [state.parameters, state.gradients, ...kept, state.running, state.batch, ...optimizer.arenas]
  const scale = facts.precision === 'f16' ? [state.lossScale] : []
  const shared = commit ? [commit.total] : []
  const tensors = [state.batchesTracked, ...scale, ...shared, ...optimizer.tensors, ...Object.values(batch)]
  const summed = sums.flatMap(({ plan, parts }) => [plan, ...parts])
  const plans = [accumulate, ...summed, ...(commit ? [commit.plan] : []), evaluate, update]
  return {
    state,
    optimizer,
    batch,
    accumulate,
    accumulateOutputs: training.outputs,
    sums,
    parts,
    ...(commit && { commit }),
    update,
    evaluate,
    evaluateOutputs: evaluation.outputs,
    arenas,
    tensors,
    plans,
    need: { lasting: storageBytes(arenas, tensors), working: slotBytes(plans) },
  }
}

/** What the host reads after each batch, in the order of `BatchResult`. */
export function resultsOf({ terms, pairs, presenceProbability, presence }: LossOutputs): Tensor[] {
  return [terms, pairs, presenceProbability, presence]
}
