import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { type Checkpoint, readCheckpoint, writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import type { PyValue } from '../../src/checkpoint/pickle/value.ts'
import { encodePth, readPth, writePth } from '../../src/checkpoint/pth_file.ts'
import { readWeights } from '../../src/checkpoint/weights.ts'
import { InputError } from '../../src/util/error.ts'
import { exampleCheckpoint, f32 } from './example.ts'
import { writeSafetensors } from './safetensors_file.ts'

const folder = fs.mkdtempSync(join(tmpdir(), 'checkpoint-'))
afterAll(() => fs.rmSync(folder, { recursive: true }))
const path = join(folder, 'best_model.pth')
const fixture = (version: string) => fileURLToPath(new URL(`torch-${version}.pth`, import.meta.url))

describe.each(['1.13', '2.13'])('a checkpoint of torch %s', version => {
  const checkpoint = readCheckpoint(fixture(version))

  it('gives the entries of the original', () => {
    expect(checkpoint.epoch).toBe(2)
    expect(checkpoint.isBest).toBe(true)
    expect(checkpoint.structureNames).toStrictEqual(['left_lung', 'right_lung'])
    expect(checkpoint.trainLossHistory).toStrictEqual([3, 2.5])
    expect(checkpoint.valLossHistory).toStrictEqual([3.1, 2.6])
    expect([...checkpoint.model.keys()].slice(0, 3)).toStrictEqual(['0.weight', '0.bias', '1.weight'])
    expect(checkpoint.model.get('1.num_batches_tracked')?.data).toStrictEqual(BigInt64Array.of(3n))
    expect(checkpoint.scheduler).toMatchObject({ T_max: 20, eta_min: 1e-6, last_epoch: 3, base_lrs: [1e-3] })
    expect(checkpoint.sadaan).toBeUndefined()
  })

  it('gives the state of the optimiser; parameters without gradient have none', () => {
    const { state, group } = checkpoint.optimizer!
    expect([...state.keys()]).toStrictEqual([0, 1, 2, 3, 4, 5])
    expect(state.get(4)).toMatchObject({ step: 3, exp_avg: { shape: [3, 2] }, exp_avg_sq: { shape: [3, 2] } })
    const { lr, ...fixed } = group
    // Three epochs of (1 + cos(π·e/20))/2 between 1e-3 and 1e-6, which torch computes step by step.
    expect(lr).toBeCloseTo(1e-6 + (999e-6 * (1 + Math.cos((Math.PI * 3) / 20))) / 2, 12)
    expect(fixed).toStrictEqual({
      betas: [0.9, 0.999],
      eps: 1e-8,
      weight_decay: 1e-4,
      ...(version === '2.13' ? { decoupled_weight_decay: true } : {}),
      initial_lr: 1e-3,
      params: [0, 1, 2, 3, 4, 5, 6, 7],
    })
  })

  it('is the same after writing and reading again', () => {
    writeCheckpoint(path, checkpoint)
    expect(readCheckpoint(path)).toStrictEqual(checkpoint)
  })
})

describe('a checkpoint of ours', () => {
  it('is the same after writing and reading again', () => {
    writeCheckpoint(path, exampleCheckpoint)
    expect(readCheckpoint(path)).toStrictEqual(exampleCheckpoint)
  })

  it('has exactly the keys of the original, and ours in one more', () => {
    writeCheckpoint(path, exampleCheckpoint)
    expect([...(readPth(path) as Map<string, PyValue>).keys()]).toStrictEqual([
      ...['epoch', 'model_state_dict', 'optimizer_state_dict', 'scheduler_state_dict', 'structure_names', 'is_best'],
      ...['train_loss_history', 'val_loss_history', 'sadaan_gpu'],
    ])
  })

  it('may do without optimiser, scheduler and our own entry', () => {
    const { optimizer: _optimizer, live: _live, sadaan: _sadaan, ...rest } = exampleCheckpoint
    const bare: Checkpoint = { ...rest, scheduler: null }
    writeCheckpoint(path, bare)
    expect(readCheckpoint(path)).toStrictEqual(bare)
  })
})

/** The dict of the example, changed at one place of its own or of an inner dict. */
function changed(keys: (string | number)[], value: PyValue | undefined): string {
  writeCheckpoint(path, exampleCheckpoint)
  const root = readPth(path) as Map<string | number, PyValue>
  let dict = root
  for (const key of keys.slice(0, -1)) {
    const inner = dict.get(key)
    dict = (Array.isArray(inner) ? inner[0] : inner) as Map<string | number, PyValue>
  }
  if (value === undefined) dict.delete(keys.at(-1)!)
  else dict.set(keys.at(-1)!, value)
  writePth(path, root)
  return path
}

describe('what does not fit', () => {
  const group = ['optimizer_state_dict', 'param_groups']
  const state = ['optimizer_state_dict', 'state']
  it.each<[(string | number)[], PyValue | undefined, string]>([
    [['epoch'], undefined, 'epoch is nothing, expected a number'],
    [['epoch'], -1, 'epoch is -1, expected 0, 1'],
    [['model_state_dict'], undefined, 'no model_state_dict, expected a training checkpoint'],
    [['model_state_dict', 'conv.weight'], 1, 'model_state_dict: conv.weight is "1", expected a tensor'],
    [['model_state_dict', 3], f32([1], [1]), 'found the key 3, expected string keys'],
    [['structure_names'], ['a', 1], 'structure_names is a list, expected a list of strings'],
    [['is_best'], 1, 'is_best is "1", expected True or False'],
    [['train_loss_history'], 'x', 'train_loss_history is "x", expected a list of numbers'],
    [['scheduler_state_dict'], 3, 'scheduler_state_dict: found "3", expected a dict'],
    [['scheduler_state_dict', 'best'], f32([], [1]), 'scheduler_state_dict: best is a tensor'],
    [['scheduler_state_dict', 5], 1, 'found the key 5, expected string keys'],
    [['sadaan_gpu', 'seed'], 2n ** 60n, 'sadaan_gpu: seed: the integer 1152921504606846976 is too large'],
    [['optimizer_state_dict', 'param_groups'], [], 'not a list with exactly one group'],
    [[...group, 'amsgrad'], true, 'amsgrad is True, expected False'],
    [[...group, 'maximize'], true, 'maximize is True, expected False'],
    [[...group, 'lr'], f32([], [1]), 'param_groups[0]: lr is a tensor of shape [], expected a number'],
    [[...group, 'betas'], [0.9], 'betas is not a pair of numbers'],
    [[...group, 'params'], [0, 0], 'params is not a list of distinct indices'],
    [[...state, 99], new Map(), 'state[99] belongs to no parameter'],
    [[...state, 0, 'momentum_buffer'], null, 'state[0] has "momentum_buffer", expected only step, exp_avg, exp_avg_sq'],
    [[...state, 0, 'exp_avg'], undefined, 'state[0]: exp_avg is nothing, expected a tensor'],
    [[...state, 0, 'step'], f32([1], [1]), 'step has shape [1], expected a single number'],
  ])('%s = %s', (keys, value, message) => {
    const file = changed(keys, value)
    expect(() => readCheckpoint(file)).toThrow(InputError)
    expect(() => readCheckpoint(file)).toThrow(message)
    expect(() => readCheckpoint(file)).toThrow(path)
  })

  it('reads a step that is an int, as torch before 1.12 has it', () => {
    expect(readCheckpoint(changed([...state, 0, 'step'], 12)).optimizer?.state.get(0)?.step).toBe(12)
  })

  it('keeps a key __proto__ as a plain entry', () => {
    const { sadaan } = readCheckpoint(changed(['sadaan_gpu', '__proto__'], new Map([['polluted', true]])))
    expect(Object.getOwnPropertyNames(sadaan)).toContain('__proto__')
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})

describe('weights', () => {
  const { model } = exampleCheckpoint

  it('come out of a checkpoint, a bare state_dict and a safetensors file', () => {
    writeCheckpoint(path, exampleCheckpoint)
    expect(readWeights(path)).toStrictEqual(model)
    const bare = join(folder, 'bare.pth')
    writePth(bare, model as Map<string, PyValue>)
    expect(readWeights(bare)).toStrictEqual(model)
    const safe = join(folder, 'model.safetensors')
    writeSafetensors(safe, { tensors: model, metadata: {} })
    expect(new Map([...readWeights(safe)].sort())).toStrictEqual(new Map([...model].sort()))
  })

  it.each<[string, Uint8Array, string]>([
    ['nothing', Buffer.concat(encodePth(new Map())), 'contains no tensors'],
    ['a list', Buffer.concat(encodePth([1])), 'found a list, expected a dict'],
    ['text', Buffer.from('a text file'), 'not written by torch.save'],
  ])('do not come out of %s', (_, bytes, message) => {
    fs.writeFileSync(path, bytes)
    expect(() => readWeights(path)).toThrow(message)
  })
})
