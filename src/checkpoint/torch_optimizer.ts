import { InputError } from '../util/error.ts'
import { Fields } from './fields.ts'
import type { TorchTensor } from './pickle/torch_tensor.ts'
import { PyFloat, type PyValue, tupleOf } from './pickle/value.ts'

/** Of one parameter, named as in torch. */
export interface AdamState {
  /** updates made so far */
  step: number
  /** f32, shape of the parameter */
  exp_avg: TorchTensor
  exp_avg_sq: TorchTensor
}

/** The one parameter group of torch.optim.Adam and AdamW, named as in torch. amsgrad and maximize are always False. */
export interface ParamGroup {
  lr: number
  betas: [number, number]
  eps: number
  weight_decay: number
  /** true: AdamW, false: Adam; files of torch before 2.7 do not say it */
  decoupled_weight_decay?: boolean
  /** set by a scheduler: the rate it starts from */
  initial_lr?: number
  /** indexes of the parameters in the order of model.parameters() */
  params: number[]
}

export interface OptimizerState {
  /** by index in `group.params`; a parameter that never had a gradient has none */
  state: Map<number, AdamState>
  group: ParamGroup
}

/** Reads an optimizer_state_dict. Throws InputError where it is not of Adam or AdamW, or has more than one group. */
export function readOptimizer(value: PyValue, where: string): OptimizerState {
  const fields = new Fields(value, where)
  const groups = fields.value('param_groups')
  if (!Array.isArray(groups) || groups.length !== 1) {
    throw new InputError(`${where}: param_groups is not a list of one group, which is what is read here`)
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
    throw new InputError(`${fields.where}: betas has not two numbers`)
  }
  const params = fields.numbers('params')
  if (new Set(params).size !== params.length || !params.every(index => Number.isSafeInteger(index) && index >= 0)) {
    throw new InputError(`${fields.where}: params is not a list of different indexes`)
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
  if (unknown)
    throw new InputError(`${fields.where} has ${JSON.stringify(unknown[0])}, expected only ${known.join(', ')}`)
  return { step: readStep(fields), exp_avg: fields.tensor('exp_avg'), exp_avg_sq: fields.tensor('exp_avg_sq') }
}

/** A 0-d tensor since torch 1.12, an int before. */
function readStep(fields: Fields): number {
  const plain = fields.value('step')
  if (typeof plain === 'number') return plain
  const { shape, data } = fields.tensor('step')
  if (shape.length !== 0) throw new InputError(`${fields.where}: step has shape [${shape}], expected one number`)
  return Number(data[0])
}

/** The dict that Adam.load_state_dict and AdamW.load_state_dict take, in torch 1.13 and in torch 2: every key that either writes. */
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
