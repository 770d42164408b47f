import { expect, test } from 'vitest'
import { runResident } from './resident.ts'

const environment = { ...process.env }

/** words, and the one line that a wrong command line gets */
const cases: [string, string][] = [
  ['train --epochs 5', "unknown option '--epochs'; configuration keys go at the end: with training.num_epochs=5"],
  ['train --lr=1e-3', "unknown option '--lr=1e-3'; configuration keys go at the end: with training.learning_rate=1e-3"],
  [
    'train --warmup-epochs 2',
    "unknown option '--warmup-epochs'; configuration keys go at the end: with training.warmup_epochs=2",
  ],
  ['summary --seed', "unknown option '--seed'; configuration keys go at the end: with seed=…"],
  ['generate --epochs 5', "unknown option '--epochs'; see sadaan-gpu generate --help"],
  ['train --nonsense', "unknown option '--nonsense'; see sadaan-gpu train --help"],
  ['trian', "unknown command 'trian' (Did you mean train?); see sadaan-gpu --help"],
  ['evaluate --weights a.pth', "required option '-o, --output <dir>' not specified; see sadaan-gpu evaluate --help"],
  [
    'evaluate --weights a --output r --output s',
    "option '-o, --output <dir>' is given twice, expected one value; see sadaan-gpu evaluate --help",
  ],
  [
    'predict --input a --input b --split val --split test',
    "option '--split <name>' is given twice, expected one value; see sadaan-gpu predict --help",
  ],
  [
    'bench peers tfjs --size none',
    "option '--size <n>' argument 'none' is invalid. expected a positive number; see sadaan-gpu bench peers tfjs --help",
  ],
  ...['import', 'cross-validate'].map((command): [string, string] => [
    `${command} --images a --labels b --output-dir c`,
    'neither spacing nor image size are given, expected --recipe, which configure writes, or --spacing, e.g. 1.5,1.5,3 (mm), --image-size, e.g. 128,128,64 (voxels), or both',
  ]),
]

test.each(cases)('sadaan-gpu %s', async (words, line) => {
  const { code, stdout, stderr } = await runResident(words.split(' '), process.cwd(), environment)
  expect(stderr).toBe(`sadaan-gpu: ${line}\n`)
  expect(stdout).toBe('')
  expect(code).toBe(2)
})

test('an option that may be repeated keeps all values', async () => {
  const words = ['predict', '--weights', 'none.pth', '--input', 'a', '--input', 'b', '--output', 'r']
  const { code, stderr } = await runResident(words, process.cwd(), environment)
  expect(stderr).toMatch(/^sadaan-gpu: none\.pth: /)
  expect(code).toBe(2)
})
