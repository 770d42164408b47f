import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readModelFile } from '../../src/checkpoint/weights.ts'
import type { ModelInspection } from '../../src/inspect/inspect.ts'
import { faultsOf } from '../../src/run/weight_faults.ts'
import { writeSafetensors } from '../checkpoint/safetensors_file.ts'
import { run } from '../cli/command.ts'
import { temporaryDirectory, writeDataset, writeSplit } from '../data/small_dataset.ts'
import { writeChanged, writeOverflowing } from '../predict/overflowing_model.ts'
import { writeSmallModel } from '../predict/small_model.ts'

const root = temporaryDirectory()
const SIZE: [number, number, number] = [16, 16, 16]
const structures = ['structure_0', 'structure_1']
const good = join(root, 'good.pth')
writeSmallModel(good, structures, { size: SIZE, inChannels: 1 })
mkdirSync(join(root, 'data'))
await writeDataset(join(root, 'data'), { samples: 2, structures: 2, imageSize: SIZE })
await writeSplit(join(root, 'data/test.h5'), { samples: 2, structures: 2, imageSize: SIZE })

const adapter = process.env.SADAAN_ADAPTER === undefined ? [] : [`compute.adapter='${process.env.SADAAN_ADAPTER}'`]

/** What each command that loads weights is given. */
const commands: Record<string, (weights: string) => string[]> = {
  evaluate: weights => ['--weights', weights, '--dataset', 'data', '--output', 'out', 'with', ...adapter],
  predict: weights => ['--weights', weights, '--input', 'data/test.h5', '--output', 'out', 'with', ...adapter],
  export: weights => ['--weights', weights, '--output', 'out.onnx'],
  train: weights => [
    ...['with', 'dataset_path=data', 'model.channels=[2,4,4,6,8]', 'training.batch_size=2', 'training.num_epochs=1'],
    ...['checkpoint.save_dir=out', `model.pretrained=${weights}`, ...adapter],
  ],
}

/** name → what is wrong with the weights, and how they are described */
const damages: Record<string, [(name: string, data: Float32Array) => void, string]> = {
  'one NaN': [
    (name, data) => name === 'encoder.enc1.0.weight' && data.fill(Number.NaN, 7, 8),
    'encoder.enc1.0.weight has 1 of 54 values not finite',
  ],
  infinities: [
    (name, data) => name === 'segmentation_head.segmentation_layer.bias' && data.fill(Number.NEGATIVE_INFINITY),
    'segmentation_head.segmentation_layer.bias has 2 of 2 values not finite',
  ],
  'a NaN in a buffer': [
    (name, data) => name === 'encoder.enc2.1.running_mean' && data.fill(Number.NaN, 0, 1),
    'encoder.enc2.1.running_mean has 1 of 4 values not finite',
  ],
  'a negative variance': [
    (name, data) => name === 'encoder.enc2.1.running_var' && data.fill(-0.5, 0, 2),
    'encoder.enc2.1.running_var has 2 of 4 values negative',
  ],
  'huge values': [
    (name, data) => name === 'encoder.enc1.0.weight' && data.fill(3e38, 0, 3),
    'encoder.enc1.0.weight has 3 of 54 values beyond 1e+12',
  ],
}

test.each(Object.entries(damages))(
  '%s: every command that loads weights refuses, inspect says it',
  async (name, damage) => {
    const [change, described] = damage
    const weights = `${name.replaceAll(' ', '_')}.pth`
    writeChanged(join(root, weights), good, change)
    for (const [command, words] of Object.entries(commands)) {
      const { code, stderr } = await run([command, ...words(weights)], root)
      expect(stderr.trimEnd().split('\n').at(-1), command).toBe(
        `sadaan-gpu: ${weights}: ${described}: the training diverged or the file is damaged, expected another checkpoint`,
      )
      expect(code, command).toBe(2)
      for (const written of ['out', 'out.onnx']) expect(existsSync(join(root, written)), command).toBe(false)
    }
    const { stdout } = await run(['inspect', weights, '--json'], root)
    expect((JSON.parse(stdout) as ModelInspection).faults).toStrictEqual([described])
    const text = await run(['inspect', weights], root)
    expect(text.stdout).toContain(`unusable     ${described}`)
  },
)

test('a double that float32 cannot hold is not finite; variances of zero and below the rounding of ε are usable', () => {
  expect(faultsOf([['a.weight', [1, 1e39]]])).toStrictEqual(['a.weight has 1 of 2 values not finite'])
  expect(faultsOf([['a.running_var', [0, -1e-6, 1e30]]])).toStrictEqual([])
  expect(faultsOf([['a.running_var', [-1e-5, 1]]])).toStrictEqual(['a.running_var has 1 of 2 values negative'])
  expect(faultsOf([['a.weight', [1e12, -1e12, 0]]])).toStrictEqual([])
})

test('several damaged tensors: the first is named, the others are counted; safetensors too', async () => {
  const { tensors } = readModelFile(good)
  for (const { data } of tensors.values()) data.fill(Number.NaN as never)
  writeSafetensors(join(root, 'all.safetensors'), { tensors, metadata: {} })
  const { code, stderr } = await run(['export', ...commands.export!('all.safetensors')], root)
  expect(stderr).toMatch(
    /^sadaan-gpu: all\.safetensors: encoder\.enc1\.0\.weight has 54 of 54 values not finite \(\d+ more/,
  )
  expect(code).toBe(2)
})

test('an evaluation whose presence is not a number names sample and structure, and writes nothing', async () => {
  writeOverflowing(join(root, 'overflowing.pth'), good, 1)
  const { code, stderr } = await run(['evaluate', ...commands.evaluate!('overflowing.pth')], root)
  expect(stderr.trimEnd().split('\n').at(-1)).toBe(
    "sadaan-gpu: data/test.h5: sample 0: the model's presence probability of structure_1 is NaN, expected a finite number; the weights of overflowing.pth overflow there",
  )
  expect(code).toBe(2)
  expect(existsSync(join(root, 'out'))).toBe(false)
})

test('a stored voxel of 3e38 is refused with file and sample by training and evaluation', async () => {
  mkdirSync(join(root, 'huge'))
  const split = { samples: 2, structures: 2, imageSize: SIZE }
  await writeDataset(join(root, 'huge'), split)
  for (const name of ['train', 'val', 'test'])
    await writeSplit(join(root, `huge/${name}.h5`), {
      ...split,
      intensityOf: (n, v) => (n === 1 && v === 5 ? 3e38 : v % 200),
    })
  for (const [command, file, expected] of [
    ['train', 'train', 1], // found while it trains
    ['evaluate', 'test', 2],
  ] as const) {
    const words = commands[command]!(good).map(word => word.replace(/^(dataset_path=)?data$/, '$1huge'))
    const { code, stderr } = await run([command, ...words], root)
    expect(stderr, command).toContain(
      `huge/${file}.h5: dataset 'images' sample 1 has a voxel of magnitude 3.00e+38, expected at most 1e+12: sums in float32 would overflow`,
    )
    expect(code, command).toBe(expected)
  }
})
