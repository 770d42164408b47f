// full: compares with PyTorch
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { type Checkpoint, readCheckpoint, writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import type { TorchTensor } from '../../src/checkpoint/pickle/torch_tensor.ts'
import { exampleCheckpoint, f32, schedulerDict } from './example.ts'

const python = process.env.SADAAN_PYTHON
const script = fileURLToPath(new URL('../oracle/torch_reads.py', import.meta.url))
const folder = fs.mkdtempSync(join(tmpdir(), 'checkpoint-'))
afterAll(() => fs.rmSync(folder, { recursive: true }))
beforeEach(ctx => {
  if (!python) ctx.skip('SADAAN_PYTHON names no python with torch')
})

interface Report {
  torch: string
  weights_only: boolean
  type: string
  model: Record<string, unknown>
  group: Record<string, unknown>
  state: Record<string, Record<string, unknown>>
  steps_after_one_more: number[]
  epochs_after_one_more: number
  rate_after_one_more: number
  [key: string]: unknown
}

/** What torch finds in the checkpoint after we have written it. */
function torchReads(checkpoint: Checkpoint): Report {
  const path = join(folder, 'checkpoint.pth')
  writeCheckpoint(path, checkpoint)
  const { status, stdout, stderr } = spawnSync(python!, [script, path], { encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

/** As torch_reads.py describes a tensor. */
function facts({ dtype, shape, data }: TorchTensor): unknown[] {
  const names = { f32: 'float32', f64: 'float64', i64: 'int64', i32: 'int32', u8: 'uint8', bool: 'bool' }
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return [`torch.${names[dtype]}`, [...shape], createHash('sha256').update(bytes).digest('hex')]
}

describe('torch', () => {
  it('opens our checkpoint and goes on training with it', () => {
    const report = torchReads({ ...exampleCheckpoint, valLossHistory: [3.5, 2.5] })
    const { model, optimizer, scheduler } = exampleCheckpoint
    expect(report.type).toBe('OrderedDict')
    expect(Object.entries(report.model)).toStrictEqual([...model].map(([name, tensor]) => [name, facts(tensor)]))
    expect(report).toMatchObject({
      epoch: 4,
      structure_names: ['left_lung', 'Niere, größer'],
      is_best: false,
      train_loss_history: [3, 2],
      val_loss_history: [3.5, 2.5],
      scheduler_state_dict: scheduler,
      group: { ...optimizer!.group, amsgrad: false, maximize: false },
    })
    for (const [index, { step, exp_avg, exp_avg_sq }] of optimizer!.state) {
      expect(report.state[index]).toStrictEqual({
        step: facts(f32([], [step])),
        exp_avg: facts(exp_avg),
        exp_avg_sq: facts(exp_avg_sq),
      })
    }
    expect(report.steps_after_one_more).toStrictEqual([13])
    expect(report.epochs_after_one_more).toBe(6)
    // torch 1.13 refuses Python floats there.
    expect(report.weights_only).toBe(!report.torch.startsWith('1.'))
  })

  it('takes up a plateau scheduler: the loss of 1 is the third that is no better, so the rate halves', () => {
    const state = { scheduler: 'reduce_on_plateau', rate: 4e-4, best: 0.5, badValidations: 2, validations: 9 } as const
    const report = torchReads({ ...exampleCheckpoint, scheduler: schedulerDict(state, { patience: 2 }) })
    expect(report.epochs_after_one_more).toBe(10)
    expect(report.rate_after_one_more).toBe(2e-4)
  })

  it('takes up a plateau scheduler before its first epoch', () => {
    const best = Number.POSITIVE_INFINITY
    const state = { scheduler: 'reduce_on_plateau', rate: 4e-4, best, badValidations: 0, validations: 0 } as const
    const report = torchReads({ ...exampleCheckpoint, scheduler: schedulerDict(state, { patience: 0 }) })
    expect(report.rate_after_one_more).toBe(4e-4)
    expect(report.scheduler_state_dict).toMatchObject({ best: 'inf', mode_worse: 'inf' })
  })

  it('finds Adam where we wrote Adam', () => {
    const optimizer = exampleCheckpoint.optimizer!
    const group = { ...optimizer.group, decoupled_weight_decay: false, weight_decay: 0.25 }
    const report = torchReads({ ...exampleCheckpoint, optimizer: { ...optimizer, group }, scheduler: null })
    expect(report.group).toMatchObject({ decoupled_weight_decay: false, weight_decay: 0.25 })
    expect(report.scheduler_state_dict).toBeNull()
  })

  it.each(['1.13', '2.13'])('finds in what we rewrote what torch %s had written', version => {
    const checkpoint = readCheckpoint(fileURLToPath(new URL(`torch-${version}.pth`, import.meta.url)))
    const report = torchReads(checkpoint)
    expect(report.scheduler_state_dict).toStrictEqual(checkpoint.scheduler)
    expect(report.steps_after_one_more).toStrictEqual([4])
    expect(report.epochs_after_one_more).toBe(4)
  })
})
