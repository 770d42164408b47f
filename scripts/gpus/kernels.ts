import { workloadOf } from '../../bench/workload.ts'
import { loadConfig } from '../../src/config/load.ts'
import { type PipelineKey, pipelineName } from '../../src/gpu/pipelines.ts'
import type { AdapterFacts } from '../../src/graph/kernel.ts'
import type { Precision, Tensor } from '../../src/graph/tensor.ts'
import { ModelState } from '../../src/nn/model_state.ts'
import { makePlan, type Plan } from '../../src/plan/plan.ts'
import { batchTensors, ensembleSums, recordEnsembleEvaluation, recordPrediction } from '../../src/run/tapes.ts'
import { planTraining } from '../../src/train/training_plans.ts'

/** A pipeline of a model's passes on some adapter. */
export interface UsedKernel {
  name: string
  /** the shader and the block of channels it is for; its forms differ in storage type, norm on load and the like */
  kind: string
  key: PipelineKey
  /** the rules choose it; otherwise a measurement might */
  isChosen: boolean
}

/** Every kernel that a configuration can switch on. */
const EVERYTHING = [
  ...['elastic', 'blur', 'low_resolution', 'bias_field', 'gamma'].map(each => `augmentation.${each}_probability=1`),
  'model.dropout=0.1',
  'optimizer.ema_decay=0.99',
  'training.gradient_accumulation_steps=2',
]

/** The names of all variants of the convolution: each kernel takes the one of its own that is named, if it fits. */
const VARIANTS = ['matrix', 'winograd4', 'winograd2', 'gemm', 'gemm4', 'direct']

/** All pipelines of training with every augmentation, evaluation, ensembles and prediction, in f32 and where possible f16: S = 13, 64×64×32, batch 2. */
export async function usedKernels(facts: AdapterFacts): Promise<UsedKernel[]> {
  const found = new Map<string, UsedKernel>()
  for (const variant of [undefined, ...VARIANTS])
    for (const precision of facts.features.has('shader-f16') ? (['f32', 'f16'] as const) : (['f32'] as const))
      for (const { dispatches } of await plansOf({ ...facts, precision }, precision, variant))
        for (const { key } of dispatches) {
          const name = pipelineName(key)
          if (!found.has(name)) found.set(name, { name, kind: kindOf(key), key, isChosen: variant === undefined })
        }
  return [...found.values()]
}

function kindOf({ shader, constants }: PipelineKey): string {
  const block = ['INPUTS', 'OUTPUTS'].filter(name => name in constants).map(name => `${name}=${constants[name]}`)
  return [shader.split(' ')[0], ...block].join(' ')
}

/** Without a variant, the rules choose. */
async function plansOf(facts: AdapterFacts, precision: Precision, variant: string | undefined): Promise<Plan[]> {
  const loaded = loadConfig({ overrides: [`compute.precision=${precision}`, ...EVERYTHING] })
  const { config, shape, structureNames, batchSize } = await workloadOf(loaded)
  const choice = () => variant
  const training = planTraining(facts, { config, shape, structureNames, batchSize, choice })
  const state = new ModelState(shape)
  const batch = batchTensors(state, batchSize)
  const prediction = recordPrediction(state, batch)
  const evaluation = recordEnsembleEvaluation(state, batch, ensembleSums(batch), config)
  return [
    ...training.plans,
    ...[prediction, evaluation].map(({ calls, outputs }) =>
      makePlan('inference', calls, Object.values<Tensor>({ ...outputs }), facts, { choice }),
    ),
  ]
}
