import type { Config } from '../config/schema.ts'
import type { AdapterFacts, Call } from '../graph/kernel.ts'
import type { Tensor } from '../graph/tensor.ts'
import { ModelState } from '../nn/model_state.ts'
import type { SadaanShape } from '../nn/specification.ts'
import type { Choice } from '../plan/lower.ts'
import { makePlan, type Plan, type PlanOptions, slotBytes } from '../plan/plan.ts'
import { storageBytes } from '../plan/storage.ts'
import type { Layout } from '../run/allocation.ts'
import { OptimizerMemory } from '../run/optimizer_memory.ts'
import {
  type BatchTensors,
  batchTensors,
  type EvaluationOutputs,
  type LossOutputs,
  recordEvaluation,
  recordTraining,
  recordUpdate,
} from '../run/tapes.ts'
import { factsFor } from '../run/variants.ts'

/** What a training step is planned from. */
export interface TrainingSpec {
  config: Config
  shape: SadaanShape
  structureNames: readonly string[]
  batchSize: number
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
  update: Plan
  evaluate: Plan
  evaluateOutputs: EvaluationOutputs
}

function record({ config, shape, structureNames, batchSize }: TrainingSpec) {
  const state = new ModelState(shape)
  const optimizer = new OptimizerMemory(state, config.optimizer)
  const batch = batchTensors(state, batchSize)
  return {
    state,
    optimizer,
    batch,
    training: recordTraining(state, batch, config, structureNames),
    evaluation: recordEvaluation(optimizer.averaged ?? state, batch, config),
    updating: recordUpdate(state, optimizer, config),
  }
}

/** Every kernel call of training, for choosing variants. */
export function trainingCalls(spec: TrainingSpec): Call[] {
  const { training, evaluation, updating } = record(spec)
  return [...training.calls, ...evaluation.calls, ...updating.calls]
}

/** Plans training on an adapter with these facts. Throws BindingLimitError if it cannot hold the batch. */
export function planTraining(adapter: AdapterFacts, spec: TrainingSpec): TrainingPlans {
  const facts = factsFor(adapter, spec.config)
  const { state, optimizer, batch, training, evaluation, updating } = record(spec)
  const options: PlanOptions = spec.choice ? { choice: spec.choice } : {}
  const accumulate = makePlan('accumulate', training.calls, resultsOf(training.outputs), facts, options)
  // the masks stay in place after the pass, for the few samples that are pictured
  const evaluated = [...resultsOf(evaluation.outputs), evaluation.outputs.predicted]
  const evaluate = makePlan('evaluate', evaluation.calls, evaluated, facts, options)
  const update = makePlan('update', updating.calls, Object.values(updating.outputs), facts, options)
  const arenas = [state.parameters, state.gradients, state.running, state.batch, ...optimizer.arenas]
  const scale = facts.precision === 'f16' ? [state.lossScale] : []
  const tensors = [state.batchesTracked, ...scale, ...optimizer.tensors, ...Object.values(batch)]
  const plans = [accumulate, evaluate, update]
  return {
    state,
    optimizer,
    batch,
    accumulate,
    accumulateOutputs: training.outputs,
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
