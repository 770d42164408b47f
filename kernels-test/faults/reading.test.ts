import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { run } from '../cli/command.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { SMALL } from '../train/training_here.ts'
import { contentsOf } from './contents.ts'
import { copied, makeInputs } from './inputs.ts'
import { READING, type Scenario } from './sweep.ts'
import { testSweeps } from './sweeps.ts'

const root = temporaryDirectory()
const inputs = await makeInputs(root)

const generated = join(root, 'generated')
const words = ['generate', '--image-size', '32,16,16', '--total-samples', '4', '--output-dir', generated]
const { code, stderr } = await run(words, root)
expect(code, stderr).toBe(0)
writeFileSync(join(root, 'config.json'), JSON.stringify({ training: { num_epochs: 2 } }))

const sources = {
  generated,
  dataset: inputs.dataset,
  scans: inputs.scans,
  'model.pth': inputs.weights,
  'config.json': join(root, 'config.json'),
}

/** A command that reads a copy of these inputs; `words` get their folder. */
function reads(
  name: string,
  wanted: readonly (keyof typeof sources)[],
  words: (at: (name: string) => string, output: string) => string[],
): Scenario {
  return {
    name,
    prepare: folder => {
      for (const source of wanted) copied(sources[source], join(folder, 'in'), source)
      return words(input => join(folder, 'in', input), join(folder, 'out'))
    },
    operations: READING,
    watched: 'in',
    result: folder => contentsOf(join(folder, 'out'), file => !/^(html|png)$/.test(file)),
  }
}

const scenarios: readonly (readonly [Scenario, number])[] = [
  [reads('print_config', ['config.json'], at => ['print_config', '--config', at('config.json')]), 10],
  [reads('inspect a dataset', ['generated'], at => ['inspect', at('generated')]), 20],
  [reads('inspect a model', ['model.pth'], at => ['inspect', at('model.pth')]), 10],
  [reads('validate', ['generated'], at => ['validate', at('generated')]), 20],
  [
    reads('import', ['scans'], (at, out) => [
      ...['import', '--images', at('scans/images'), '--labels', at('scans/labels'), '--image-size', '16,32,16'],
      ...['--output-dir', out],
    ]),
    30,
  ],
  [
    reads('export', ['model.pth'], (at, out) => ['export', '--weights', at('model.pth'), '--output', `${out}.onnx`]),
    10,
  ],
  [
    reads('predict', ['model.pth', 'scans'], (at, out) => [
      ...['predict', '--weights', at('model.pth'), '--input', at('scans/images'), '--output', out],
    ]),
    16,
  ],
  [
    reads('evaluate', ['model.pth', 'dataset'], (at, out) => [
      ...['evaluate', '--weights', at('model.pth'), '--dataset', at('dataset'), '--no-pictures', '--output', out],
    ]),
    16,
  ],
  [
    reads('train', ['dataset'], (at, out) => [
      ...['train', '--unobserved', 'with', `dataset_path=${at('dataset')}`, ...SMALL, 'training.num_epochs=1'],
      `checkpoint.save_dir=${out}`,
    ]),
    16,
  ],
]
testSweeps(root, scenarios)
