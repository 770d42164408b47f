import { InputError } from '../util/error.ts'
import { listed } from '../util/listing.ts'
import { Fields } from './fields.ts'
import type { TorchTensor } from './pickle/torch_tensor.ts'
import { PyFloat, type PyValue, tupleOf } from './pickle/value.ts'

/** State of one parameter, with torch's names. */
export interface AdamState {
  /** number of updates so far */
  step: number
  /** f32, shape of the parameter */
  exp_avg: TorchTensor
  exp_avg_sq: TorchTensor
}

/** The single parameter group of torch.optim.Adam or AdamW, with torch's names. amsgrad and maximize are always False. */
export interface ParamGroup {
  lr: number
  betas: [number, number]
  eps: number
  weight_decay: number
  /** true: AdamW, false: Adam; torch before 2.7 does not write it */
  decoupled_weight_decay?: boolean
  /** set by a scheduler: its initial learning rate */
  initial_lr?: number
  /** indices of the parameters in the order of model.parameters() */
  params: number[]
}

export interface OptimizerState {
  /** by index in `group.params`; a parameter that never had a gradient has no state */
  state: Map<number, AdamState>
  group: ParamGroup
}

/** Reads an optimizer_state_dict. Throws InputError if it is not from Adam or AdamW, or has more than one group. */
export function readOptimizer(value: PyValue, where: string): OptimizerState {
  const fields = new Fields(value, where)
  const groups = fields.value('param_groups')
  if (!Array.isArray(groups) || groups.length !== 1) {
    throw new InputError(`${where}: param_groups is not a list with exactly one group`)
  }
  const group = readGroup(new Fields(groups[0], `${where}: param_groups[0]`))
  const members = new Set(group.params)
  const state = new Map<number, AdamState>()
  for (const [index, item] of fields.dict('state').entries) {
    const place = `${where}: state[${JSON.stringify(index)}]`
    if (typeof index !== 'number' || !members.has(index)) throw new InputError(`${place} belongs to no parameter`)
    state.set(index, readState(new Fields(item, place)))
  }
  return { state, group }
}

function readGroup(fields: Fields): ParamGroup {
  for (const name of ['amsgrad', 'maximize']) {
    if (fields.has(name) && fields.boolean(name))
      throw new InputError(`${fields.where}: ${name} is True, expected False`)
  }
  const [beta1, beta2, ...more] = fields.numbers('betas')
  if (beta1 === undefined || beta2 === undefined || more.length > 0) {
    throw new InputError(`${fields.where}: betas is not a pair of numbers`)
  }
  const params = fields.numbers('params')
  if (new Set(params).size !== params.length || !params.every(index => Number.isSafeInteger(index) && index >= 0)) {
    throw new InputError(`${fields.where}: params is not a list of distinct indices`)
  }
  const decoupled = fields.has('decoupled_weight_decay')
  return {
    lr: fields.number('lr'),
    betas: [beta1, beta2],
    eps: fields.number('eps'),
    weight_decay: fields.number('weight_decay'),
    ...(decoupled ? { decoupled_weight_decay: fields.boolean('decoupled_weight_decay') } : {}),
    ...(fields.has('initial_lr') ? { initial_lr: fields.number('initial_lr') } : {}),
    params,
  }
}

function readState(fields: Fields): AdamState {
  const known = ['step', 'exp_avg', 'exp_avg_sq']
  const unknown = fields.entries.find(([key]) => !known.includes(String(key)))
  if (unknown) throw new InputError(`${fields.where} has ${JSON.stringify(unknown[0])}, expected only ${listed(known)}`)
  return { step: readStep(fields), exp_avg: fields.tensor('exp_avg'), exp_avg_sq: fields.tensor('exp_avg_sq') }
}

/** A 0-d tensor since torch 1.12, an int before that. */
function readStep(fields: Fields): number {
  const plain = fields.value('step')
  if (typeof plain === 'number') return plain
  const { shape, data } = fields.tensor('step')
  if (shape.length !== 0) throw new InputError(`${fields.where}: step has shape [${shape}], expected a single number`)
  return Number(data[0])
}

/** A dict that load_state_dict of Adam and AdamW accepts in torch 1.13 and in torch 2: it has every key that either writes. */
export function optimizerDict({ state, group }: OptimizerState): PyValue {
  const states = [...state].map(([index, { step, exp_avg, exp_avg_sq }]): [number, PyValue] => [
    index,
    new Map<string, PyValue>([
      ['step', { dtype: 'f32', shape: [], data: Float32Array.of(step) }],
      ['exp_avg', exp_avg],
      ['exp_avg_sq', exp_avg_sq],
    ]),
  ])
  return new Map<string, PyValue>([
    ['state', new Map(states)],
    ['param_groups', [groupDict(group)]],
  ])
}

function groupDict(group: ParamGroup): PyValue {
  const dict = new Map<string, PyValue>([
    ['lr', new PyFloat(group.lr)],
    ['betas', tupleOf(...group.betas.map(beta => new PyFloat(beta)))],
    ['eps', new PyFloat(group.eps)],
    ['weight_decay', new PyFloat(group.weight_decay)],
    ['amsgrad', false],
    ['maximize', false],
    ['foreach', null],
    ['capturable', false],
    ['differentiable', false],
    ['fused', null],
  ])
  if (group.decoupled_weight_decay !== undefined) dict.set('decoupled_weight_decay', group.decoupled_weight_decay)
  if (group.initial_lr !== undefined) dict.set('initial_lr', new PyFloat(group.initial_lr))
  return dict.set('params', group.params)
}
