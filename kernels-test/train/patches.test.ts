// full: trains two small models on patches, one of them in two parts
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { evaluate } from '../../src/evaluate/evaluate.ts'
import { predict } from '../../src/predict/predict.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { onOneDevice } from '../one_device.ts'
import { SMALL, smallDataset, substance, trainHere } from './training_here.ts'

const root = temporaryDirectory()
const dataset = await smallDataset(join(root, 'dataset'), 3, 2) // frames of 32×16×16
const patches = [
  ...[...SMALL, `dataset_path=${dataset}`, 'training.batch_size=2', 'training.warmup_epochs=0'],
  ...['training.patch_size=[16,16,16]', 'training.patches_per_sample=2', 'training.patch_foreground=0.5'],
]
const epochs = (count: number): string[] => [...patches, `training.num_epochs=${count}`]
const folder = (run: string): string => join(root, run)
const read = (run: string) => readCheckpoint(join(root, run, 'checkpoints', 'last.pth'))

const straight = await trainHere(folder('straight'), epochs(3))
const weights = join(folder('straight'), 'checkpoints', 'last.pth')
const config = defaultConfig()
config.compute.adapter = process.env.SADAAN_ADAPTER ?? null
const asked = { config, weights, split: 'val' as const, progress: () => undefined }

test('a resumed run draws the patches that it would have drawn', async () => {
  await trainHere(folder('halves'), epochs(1))
  await trainHere(folder('halves'), epochs(3), true)
  expect(substance(read('halves'))).toEqual(substance(read('straight')))
  expect(straight.lines.join('\n')).toMatch(
    /6 training and 6 validation samples of 16×16×16, 3 structures\n.*drawn anew each epoch, 50 % of them centred/,
  )
  const other = trainHere(folder('halves'), [...epochs(4), 'training.patch_foreground=1'], true)
  await expect(other).rejects.toThrow(/training\.patch_foreground/)
})

test('the model is one of patches: evaluate sees whole frames in patches, predict slides', async () => {
  expect(read('straight').sadaan).toMatchObject({ patches: true })
  const lines: string[] = []
  const say = (line: string): number => lines.push(line)
  const evaluation = await onOneDevice(() => evaluate({ ...asked, dataset, output: join(root, 'evaluated'), say }))
  expect(evaluation.samples).toBe(6)
  expect(lines.join('\n')).toMatch(
    /is evaluated on patches of 16×16×16 of the samples of .*dataset, half a patch apart/,
  )
  const output = join(root, 'predicted')
  const request = { ...asked, input: join(dataset, 'val.h5'), output, raw: false, overlap: 0.5, say }
  expect((await onOneDevice(() => predict(request))).samples).toBe(2)
})
