import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { writeZip } from '../../src/checkpoint/zip.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { exampleCheckpoint } from '../checkpoint/example.ts'
import { corruptChunk } from '../data/corrupt.ts'
import { type SmallSplit, temporaryDirectory, writeDataset, writeMetadata } from '../data/small_dataset.ts'
import { contentsOf, run } from './command.ts'

const root = temporaryDirectory()
const small: SmallSplit = { samples: 4, structures: 2, imageSize: [32, 16, 16] }

const good = join(root, 'good')
mkdirSync(good)
await writeDataset(good, small)

/** A copy of the good dataset that `damage` makes bad. */
function dataset(name: string, damage: (folder: string) => unknown): string {
  const folder = join(root, name)
  mkdirSync(folder)
  for (const file of ['train.h5', 'val.h5', 'metadata.json']) copyFileSync(join(good, file), join(folder, file))
  damage(folder)
  return folder
}

const textFile = dataset('text', folder => writeFileSync(join(folder, 'train.h5'), 'no HDF5 at all\n'))
const truncated = dataset('truncated', folder => truncateSync(join(folder, 'train.h5'), 5000))
const noMetadata = dataset('listless', folder => writeFileSync(join(folder, 'metadata.json'), '[]'))
const count = dataset('count', folder =>
  writeMetadata(folder, { structure_names: ['one', 'two', 'three'], image_size: small.imageSize }),
)
const corrupt = dataset('corrupt', () => undefined)
await corruptChunk(join(corrupt, 'val.h5'), 'presence_labels', 0)
const odd = join(root, 'odd')
mkdirSync(odd)
await writeDataset(odd, { ...small, imageSize: [32, 24, 16] })

const torn = join(root, 'torn.pth')
const other = join(root, 'other.pth')
const config = defaultConfig()
config.model.channels = [2, 4, 4, 6, 8]
const progress = { config, schedule: { scheduler: 'none' }, best: { value: null, epoch: null, validationsSince: 0 } }
writeCheckpoint(other, { ...exampleCheckpoint, sadaan: { ...progress, batches: 4, skipped: 0, run: null } } as never)
copyFileSync(other, torn)
truncateSync(torn, readFileSync(torn).length - 100)
const hostile = join(root, 'hostile.pth')
const command = 'touch run'
const pickle = `\x80\x02cos\nsystem\nX${String.fromCharCode(command.length)}\0\0\0${command}\x85R.`
writeFileSync(hostile, Buffer.concat(writeZip([{ name: 'x/data.pkl', data: Buffer.from(pickle, 'latin1') }])))
const diff = join(root, 'diff.json')
writeFileSync(diff, JSON.stringify({ training: { learning_rat: 1e-3 } }))
const broken = join(root, 'broken.json')
writeFileSync(broken, '{"training": ')

/** name → words behind `train`, and what the one line must say: what, where, what was expected */
const cases: Record<string, [string[], RegExp]> = {
  'a missing dataset': [
    ['dataset_path=nowhere'],
    /nowhere: no such folder, expected a dataset; sadaan-gpu generate or import makes one/,
  ],
  'a text file as HDF5': [[`dataset_path=${textFile}`], /text\/train\.h5: .*not an HDF5 file/],
  'a truncated HDF5 file': [[`dataset_path=${truncated}`], /truncated\/train\.h5: truncated or damaged/],
  'a flipped byte in a compressed chunk': [
    [`dataset_path=${corrupt}`],
    /corrupt\/val\.h5: dataset 'presence_labels' sample 0 cannot be read/,
  ],
  'metadata that is a list': [[`dataset_path=${noMetadata}`], /listless\/metadata\.json: .*expected object/],
  'another structure count in metadata.json': [
    [`dataset_path=${count}`],
    /count\/train\.h5: masks have 2 structures, .*metadata\.json names 3/,
  ],
  'an axis of the dataset that does not divide by 16': [
    [`dataset_path=${odd}`],
    /odd: image_size is 32×24×16, expected axes divisible by 16; to resample: with training\.image_size=\[32,32,16\]/,
  ],
  'an axis of image_size that does not divide by 16': [
    [`dataset_path=${good}`, 'training.image_size=[32,20,16]'],
    /training\.image_size is \[32, 20, 16\] \(from the command line\), expected three axes divisible by 16/,
  ],
  'another number of channels': [
    [`dataset_path=${good}`, 'model.in_channels=3'],
    /good: images have 1 channels, model\.in_channels is 3/,
  ],
  'a batch larger than the split': [
    [`dataset_path=${good}`, 'training.batch_size=5'],
    /train\.h5: has 4 samples, fewer than one batch of 5: set training\.batch_size to at most 4\n$/,
  ],
  'a batch of one voxel at the lowest level': [
    [`dataset_path=${good}`, 'training.image_size=[16,16,16]', 'training.batch_size=1'],
    /training\.batch_size is 1: one sample of 16×16×16 .*expected at least 2 samples or a larger volume/,
  ],
  'an unknown key': [
    ['training.batchsize=2'],
    /unknown key "training\.batchsize".*did you mean "training\.batch_size"\?/,
  ],
  'a value that does not fit': [['training.num_epochs=0'], /training\.num_epochs is 0 .*expected a positive integer/],
  'a word that is no assignment': [['training.num_epochs'], /training\.num_epochs/],
  'an unknown adapter': [
    [`dataset_path=${good}`, 'compute.adapter=no such adapter'],
    /adapter "no such adapter": expected an index or part of a name, one of 0: /,
  ],
  'pretrained weights that are not there': [
    [`dataset_path=${good}`, 'model.pretrained=none.pth'],
    /none\.pth: .*no such file/i,
  ],
  'pretrained weights of another model': [
    [`dataset_path=${good}`, `model.pretrained=${other}`],
    /other\.pth: attention_module\.position_embeddings is missing, expected 4 axes as in a SADAAN\n$/,
  ],
}

/** The same, with options in front of `with`. */
const optionCases: Record<string, [string[], RegExp]> = {
  'a missing --config file': [['--config', 'none.json'], /none\.json: .*no such file/i],
  'a --config file that is not JSON': [['--config', broken], /broken\.json:1:14: found the end, expected a JSON value/],
  'an unknown key in --config': [
    ['--config', diff],
    /"training\.learning_rat" .*diff\.json.*did you mean "training\.learning_rate"\?/,
  ],
  'a torn checkpoint': [['--resume', torn], /torn\.pth: /],
  'a checkpoint that would run a command': [
    ['--resume', hostile],
    /hostile\.pth: .*"os\.system", which is not on the list/,
  ],
  'a checkpoint that is not there': [['--resume', 'none.pth'], /none\.pth: .*no such file/i],
  'a checkpoint with other channels': [
    ['--resume', other],
    /other\.pth: cannot be resumed with a different configuration: model\.channels is \[16,.*\], was \[2,4,4,6,8\]/,
  ],
  'an unknown option': [['--epochs', '3'], /unknown option '--epochs'/],
}

const table = [
  ...Object.entries(cases).map(([name, [words, says]]) => ({ name, words: ['with', ...words], says })),
  ...Object.entries(optionCases).map(([name, [options, says]]) => ({
    name,
    words: [...options, 'with', `dataset_path=${good}`],
    says,
  })),
]

test.concurrent.each(table)('$name: one line, exit 2, nothing written', async ({ name, words, says }) => {
  const cwd = join(root, 'run', name.replaceAll(/\W+/g, '-'))
  mkdirSync(cwd, { recursive: true })
  const { code, stdout, stderr } = await run(['train', ...words], cwd)
  expect(stderr, basename(cwd)).toMatch(says)
  expect(stderr.trimEnd().split('\n'), stderr).toHaveLength(1)
  expect(stderr).toMatch(/^(?:sadaan-gpu|error): /)
  expect(stdout).toBe('')
  expect(code).toBe(2)
  expect(contentsOf(cwd)).toEqual([])
})
