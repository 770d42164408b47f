// full: stops and continues an experiment
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { STRUCTURES } from '../../src/data/synthetic/anatomy.ts'
import { compareWithOriginal, resultsPage } from '../../src/experiment/results.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { Command, run } from './command.ts'

const cwd = temporaryDirectory()
const options = (samples: number): string[] => [
  ...['experiment', '--output-dir', 'exp', '--samples', `${samples}`, '--image-size', '16,16,16', '--epochs', '3'],
  ...['--json', 'with', 'model.channels=[2,4,4,6,8]', 'training.num_workers=0'],
]
const read = (...names: string[]): string => readFileSync(join(cwd, 'exp', ...names), 'utf8')

test('an experiment that was stopped goes on where it was, and ends with its figures beside the original’s', async () => {
  const first = new Command(options(24), cwd)
  await first.says(/^epoch 1\/3 {2}train /m)
  first.child.kill('SIGINT')
  const stopped = await first.finished
  expect(stopped.code, stopped.stderr).toBe(130)
  expect(stopped.stderr).toMatch(/^estimate {2}\S+ .*for the training, from \d+ batches/m)
  expect(stopped.stderr).toMatch(/; the same command resumes/)
  expect(existsSync(join(cwd, 'exp', 'results.md'))).toBe(false)
  const madeAt = statSync(join(cwd, 'exp', 'dataset', 'train.h5')).mtimeMs

  const second = await run(options(24), cwd)
  expect(second.code, second.stderr).toBe(0)
  expect(second.stderr).toMatch(/exp\/dataset: the dataset exists already/)
  expect(second.stderr).toMatch(/^resumed from .*last\.pth/m)
  expect(statSync(join(cwd, 'exp', 'dataset', 'train.h5')).mtimeMs).toBe(madeAt)
  const results = JSON.parse(second.stdout)
  expect(results).toEqual(JSON.parse(read('results.json')))
  expect(results).toMatchObject({ is_comparable: false, facts: { samples: 24, size: [16, 16, 16], epochs: 3 } })
  for (const split of ['train', 'val', 'test']) {
    const metrics = JSON.parse(read('evaluation', split, 'detailed_metrics.json'))
    expect(results.here.splits[split].mean_iou).toBe(metrics.segmentation_overall.mean_iou)
    expect(results.here.splits[split].presence_accuracy).toBe(metrics.presence_overall_accuracy)
    expect(read('evaluation', split, 'report.html')).toContain('<!DOCTYPE html>')
  }
  expect(read('results.md')).toBe(resultsPage(results))

  const [third, other, seeded] = await Promise.all([
    run(options(24), cwd),
    run(options(25), cwd),
    run([...options(24), 'seed=7'], cwd),
  ])
  expect(third.stderr).toMatch(/3 of 3 epochs are done, nothing to do/)
  expect(third.stderr.match(/the evaluation exists already/g)).toHaveLength(3)
  expect(third.stdout).toBe(second.stdout)
  expect(readdirSync(join(cwd, 'exp', 'sacred_runs')).filter(name => name !== '_sources')).toEqual(['1', '2'])
  expect(other.code).toBe(2)
  expect([seeded.code, seeded.stderr]).toEqual([2, expect.stringContaining('expected --seed')])
  expect(other.stderr).toMatch(/exp\/dataset: holds another dataset: total_samples is 24, expected 25; choose/)
})

test('only an experiment of the published size is compared', () => {
  const metrics = JSON.parse(read('evaluation', 'test', 'detailed_metrics.json'))
  const facts = { program: 'p', samples: 1000, size: [64, 64, 32], seed: 42, batchSize: 4, epochs: 90, allEpochs: 100 }
  const published = { ...facts, channels: [16, 32, 64, 128, 256], bestEpoch: 70 }
  const results = compareWithOriginal(published, { train: metrics, val: metrics, test: metrics })
  expect(results.is_comparable).toBe(true)
  expect(Object.keys(results.original.test_dice)).toEqual(STRUCTURES.map(({ name }) => name))
  const page = resultsPage(results)
  expect(page).toContain('90 of 100 epochs, best model of epoch 70')
  expect(page).not.toContain('not the published size')
  const liver = metrics.segmentation_per_structure.liver.mean_dice.toFixed(4)
  expect(page).toContain(`| liver | ${liver} | 0.9803 |`)
  for (const change of [
    { samples: 999 },
    { size: [64, 64, 64] },
    { allEpochs: 99 },
    { channels: [8, 16, 32, 64, 128] },
  ])
    expect(
      compareWithOriginal({ ...published, ...change }, { train: metrics, val: metrics, test: metrics }),
    ).toMatchObject({
      is_comparable: false,
    })
})
