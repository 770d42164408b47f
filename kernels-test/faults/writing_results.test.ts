import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { run } from '../cli/command.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { contentsOf } from './contents.ts'
import { copied, makeInputs } from './inputs.ts'
import { type Scenario, WRITING } from './sweep.ts'
import { testSweeps } from './sweeps.ts'

const root = temporaryDirectory()
const { dataset, scans, weights } = await makeInputs(root)

const ensemble = ['--weights', weights, '--weights', copied(weights, root, 'another.pth')]
const evaluated = join(root, 'evaluated')
const splits = ['train', 'val', 'test']
for (const split of splits) {
  const words = ['evaluate', '--weights', weights, '--dataset', dataset, '--split', split, '--no-pictures']
  const { code, stderr } = await run([...words, '--output', join(evaluated, split)], root)
  expect(code, stderr).toBe(0)
}

const evaluate = ['evaluate', '--weights', weights, '--dataset', dataset]
const out = (folder: string): string => join(folder, 'out')
/** The words of a command that writes into the folder `out`, which may be there before. */
const into = (name: string, words: readonly string[], option = '--output'): Scenario => {
  const all = (folder: string): string[] => [...words, option, out(folder)]
  return { name, prepare: all, again: all, operations: WRITING, result: folder => contentsOf(out(folder)) }
}
const METRICS = 'detailed_metrics.json'
const OLD = 'written before'
/** The words of a command that writes one file, `name`, over an older one: afterwards it is the old file or the new one, whole. */
const over = (words: readonly string[], name: string): Scenario => {
  const all = (folder: string): string[] => [...words, '--overwrite', '--output', join(folder, name)]
  return {
    name: `${words[0]} over an older ${name}`,
    prepare: folder => {
      writeFileSync(join(folder, name), OLD)
      return all(folder)
    },
    again: all,
    operations: WRITING,
    result: folder => contentsOf(folder),
    afterFailure: async (folder, expected) => {
      if (readFileSync(join(folder, name), 'latin1') === OLD) return undefined
      const got = JSON.stringify(await contentsOf(folder, file => file === name))
      return got === expected ? undefined : `leaves neither the old ${name} nor the new one`
    },
  }
}

const scenarios: readonly (readonly [Scenario, number])[] = [
  [over(['save_config'], 'config.json'), 20],
  [over(['export', '--weights', weights, '--format', 'safetensors'], 'model.safetensors'), 20],
  [over(['export', '--weights', weights, '--format', 'pth'], 'model.pth'), 20],
  [over(['export', '--weights', weights, '--format', 'onnx'], 'model.onnx'), 20],
  [over(['score', '--predictions', join(scans, 'labels'), '--labels', join(scans, 'labels')], 'score.json'), 20],
  [into('analysis', ['analysis', ...splits.flatMap(split => [`--${split}`, join(evaluated, split, METRICS)])]), 20],
  [into('predict', ['predict', ...ensemble, '--uncertainty', '--input', join(scans, 'images', 's0.nii')]), 40],
  [into('predict an HDF5 file', ['predict', '--weights', weights, '--input', join(dataset, 'test.h5'), '--raw']), 30],
  [into('evaluate', [...evaluate, '--masks', '--no-pictures']), 14],
  [
    {
      ...into('evaluate with pictures', [...evaluate, '--pictures', '1']),
      // what cannot be drawn is a warning
      result: folder => contentsOf(out(folder), name => /\.(csv|json|txt)$/.test(name)),
      afterSuccess: (folder, { stderr }) =>
        stderr.includes(`warning: ${folder}`) ? undefined : `a picture failed and nothing was said: ${stderr}`,
    },
    8,
  ],
]

testSweeps(root, scenarios)
