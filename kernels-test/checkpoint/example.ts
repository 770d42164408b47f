import type { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import type { Json } from '../../src/checkpoint/fields.ts'
import type { TorchTensor } from '../../src/checkpoint/pickle/torch_tensor.ts'
import { type ScheduleSettings, type ScheduleState, toTorchScheduler } from '../../src/optim/schedule.ts'

export const f32 = (shape: number[], data: number[]): TorchTensor => ({
  dtype: 'f32',
  shape,
  data: Float32Array.from(data),
})

/** The state_dict of torch's scheduler where a schedule stands. */
export function schedulerDict(state: ScheduleState, settings: Partial<ScheduleSettings> = {}): Record<string, Json> {
  const { scheduler } = state
  const base = {
    compat: 'documented',
    base: 5e-4,
    warmupEpochs: 0,
    min: 1e-6,
    period: 20,
    factor: 0.5,
    patience: 2,
    epochs: 30,
    updatesPerEpoch: 4,
  } as const
  return toTorchScheduler({ ...base, scheduler, ...settings }, state, 0) as Record<string, Json>
}

/** A checkpoint with everything in it; the last parameter never had a gradient. */
export const exampleCheckpoint: Checkpoint = {
  epoch: 4,
  model: new Map<string, TorchTensor>([
    ['conv.weight', f32([2, 1, 1, 1, 2], [0.1, -0.2, 0.3, 1e-30])],
    ['norm.weight', f32([2], [1, 2])],
    ['norm.bias', f32([2], [0, -0])],
    ['norm.running_mean', f32([2], [0.5, 0.25])],
    ['norm.running_var', f32([2], [1.5, 1.25])],
    ['norm.num_batches_tracked', { dtype: 'i64', shape: [], data: BigInt64Array.of(12n) }],
    ['unused.weight', f32([1, 1], [7])],
  ]),
  live: new Map<string, TorchTensor>([
    ['conv.weight', f32([2, 1, 1, 1, 2], [0.2, -0.3, 0.4, 1e-29])],
    ['norm.num_batches_tracked', { dtype: 'i64', shape: [], data: BigInt64Array.of(12n) }],
  ]),
  optimizer: {
    state: new Map([
      [0, { step: 12, exp_avg: f32([2, 1, 1, 1, 2], [1, 2, 3, 4]), exp_avg_sq: f32([2, 1, 1, 1, 2], [5, 6, 7, 8]) }],
      [1, { step: 12, exp_avg: f32([2], [-1, -2]), exp_avg_sq: f32([2], [0.1, 0.2]) }],
      [2, { step: 12, exp_avg: f32([2], [-3, -4]), exp_avg_sq: f32([2], [0.3, 0.4]) }],
    ]),
    group: {
      lr: 4e-4,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weight_decay: 0,
      decoupled_weight_decay: true,
      initial_lr: 5e-4,
      params: [0, 1, 2, 3],
    },
  },
  scheduler: schedulerDict({ scheduler: 'cosine_annealing', position: 5 }),
  structureNames: ['left_lung', 'Niere, größer'],
  isBest: false,
  trainLossHistory: [3, 2],
  valLossHistory: [3.5, Number.NaN],
  sadaan: {
    seed: 2 ** 40,
    config: { training: { batch_size: 4, image_size: null }, compute: ['f32', true, -0.5] },
    mask: { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) },
  },
}
