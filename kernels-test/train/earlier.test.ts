import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { newestIn } from '../../src/train/checkpoint_folder.ts'
import { EarlierCheckpoints } from '../../src/train/earlier_checkpoints.ts'
import { TrainingEngine } from '../../src/train/engine.ts'
import { InputError } from '../../src/util/error.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { expectSame, SMALL, smallDataset, trainHere } from './training_here.ts'

const root = temporaryDirectory()
const dataset = await smallDataset(join(root, 'dataset'), 2, 1)
const words = (epochs: number, ...more: string[]) => [
  ...SMALL,
  `dataset_path=${dataset}`,
  `training.num_epochs=${epochs}`,
  'checkpoint.save_frequency=1',
  ...more,
]
const folder = (run: string): string => join(root, run)
const inRun = (run: string, ...path: string[]): string => join(root, run, 'checkpoints', ...path)
const namesOf = (run: string, ...path: string[]): string[] => readdirSync(inRun(run, ...path)).sort()

afterEach(() => vi.restoreAllMocks())

/** A finished run of two epochs, whose last.pth differs from that of any other learning rate. */
await trainHere(folder('first'), words(2))
const FILES = ['best_model.pth', 'checkpoint_epoch_1.pth', 'checkpoint_epoch_2.pth', 'last.pth']

/** A run's folder with a copy of those checkpoints, in which a stranger's file lies too. */
function copied(run: string): string {
  cpSync(inRun('first'), inRun(run), { recursive: true })
  writeFileSync(inRun(run, 'notes.txt'), 'mine')
  return run
}

/** The digest of each checkpoint in a folder of a run. */
function digestsOf(run: string, ...path: string[]): object {
  const names = namesOf(run, ...path).filter(name => name.endsWith('.pth'))
  const digest = (name: string) => createHash('sha256').update(readFileSync(inRun(run, ...path, name)))
  return Object.fromEntries(names.map(name => [name, digest(name).digest('hex')]))
}
const first = digestsOf('first')

test('a training without --resume sets the checkpoints of an earlier run aside, whole, and says so in one line', async () => {
  const run = copied('fresh')
  const { lines } = await trainHere(folder(run), words(1, 'training.learning_rate=0.01'))
  expect(lines.filter(line => line.includes('earlier'))).toEqual([
    `${inRun(run)}: 4 earlier checkpoints move to ${inRun(run, 'earlier', '1')} before the first save`,
  ])
  expect(digestsOf(run, 'earlier', '1')).toEqual(first)
  expect(namesOf(run)).toEqual(['best_model.pth', 'checkpoint_epoch_1.pth', 'earlier', 'last.pth', 'notes.txt'])
  expect(readCheckpoint(inRun(run, 'last.pth')).epoch).toBe(0)

  const second = digestsOf(run)
  await trainHere(folder(run), words(1, 'training.learning_rate=0.02'))
  expect(digestsOf(run, 'earlier', '1')).toEqual(first)
  expect(digestsOf(run, 'earlier', '2')).toEqual(second)

  // what was set aside is resumed by its path, to the bits of a run that goes on where it was; the present run is set aside in turn
  await trainHere(folder(copied('straight')), words(3), true)
  const { lines: said, bestPath } = await trainHere(folder(run), words(3), inRun(run, 'earlier', '1', 'last.pth'))
  expect(said.join('\n')).toContain(`move to ${inRun(run, 'earlier', '3')} before the first save`)
  expect(existsSync(bestPath)).toBe(true)
  expect(digestsOf(run, 'earlier', '1')).toEqual(first)
  expectSame(readCheckpoint(inRun(run, 'last.pth')), readCheckpoint(inRun('straight', 'last.pth')))
})

test('a training that ends before its first save moves nothing', async () => {
  const run = copied('failing')
  const before = namesOf(run)
  await expect(trainHere(folder(run), words(1, 'training.batch_size=9'))).rejects.toThrow()
  await expect(trainHere(folder(run), words(1, 'compute.adapter=no such card'))).rejects.toThrow(/no such card/)
  vi.spyOn(TrainingEngine.prototype, 'accumulate').mockRejectedValue(new Error('the driver failed'))
  await expect(trainHere(folder(run), words(1))).rejects.toThrow('the driver failed')
  const stop = new AbortController()
  stop.abort()
  vi.restoreAllMocks()
  await trainHere(folder(run), words(1), false, { stop: stop.signal })
  expect(namesOf(run)).toEqual(before)
  expect(digestsOf(run)).toEqual(first)
})

test('--resume sets nothing aside; --resume of an older checkpoint of the folder those behind it', async () => {
  const resumed = copied('resumed')
  await trainHere(folder(resumed), words(3), true)
  expect(namesOf(resumed)).not.toContain('earlier')

  const back = copied('back')
  const { lines } = await trainHere(folder(back), words(3), inRun(back, 'checkpoint_epoch_1.pth'))
  expect(lines.join('\n')).toContain(`move to ${inRun(back, 'earlier', '1')} before the first save`)
  const later = readCheckpoint(inRun('first', 'best_model.pth')).epoch === 1 ? ['best_model.pth'] : []
  expect(namesOf(back, 'earlier', '1')).toEqual([...later, 'checkpoint_epoch_2.pth', 'last.pth'])
  const stays = (run: string) => readFileSync(inRun(run, 'checkpoint_epoch_1.pth'))
  expect(stays(back).equals(stays('first'))).toBe(true)
  expectSame(readCheckpoint(inRun(back, 'last.pth')), readCheckpoint(inRun(resumed, 'last.pth')))
})

test('numbers only grow, folders of others stay, and only files of these names move', () => {
  const run = copied('numbers')
  for (const name of ['1', '7', 'x']) mkdirSync(inRun(run, 'earlier', name), { recursive: true })
  mkdirSync(inRun(run, 'checkpoint_epoch_99.pth'))
  writeFileSync(inRun(run, 'model.pth'), 'mine')
  EarlierCheckpoints.find(inRun(run))!.setAside()
  expect(namesOf(run, 'earlier', '8')).toEqual(FILES)
  expect(namesOf(run)).toEqual(['checkpoint_epoch_99.pth', 'earlier', 'model.pth', 'notes.txt'])
  expect(EarlierCheckpoints.find(inRun(run))).toBeUndefined()
})

test('the newest checkpoint is the one of the latest position, whatever the times of the files say', () => {
  const run = copied('times')
  const newest = () => newestIn(inRun(run), line => expect.fail(line))
  for (const [i, name] of ['last.pth', 'checkpoint_epoch_2.pth', 'best_model.pth', 'checkpoint_epoch_1.pth'].entries())
    utimesSync(inRun(run, name), 1e9 + i, 1e9 + i)
  expect(newest()).toMatchObject({ path: inRun(run, 'last.pth'), position: { epoch: 2, batch: 0 } })
  copyFileSync(inRun(run, 'checkpoint_epoch_1.pth'), inRun(run, 'last.pth')) // as from a backup
  copyFileSync(inRun(run, 'checkpoint_epoch_1.pth'), inRun(run, 'best_model.pth'))
  expect(newest()).toMatchObject({ path: inRun(run, 'checkpoint_epoch_2.pth'), position: { epoch: 2, batch: 0 } })
  copyFileSync(inRun('first', 'last.pth'), inRun(run, 'best_model.pth')) // as a kill between the two leaves it
  rmSync(inRun(run, 'checkpoint_epoch_2.pth'))
  expect(newest()).toMatchObject({ path: inRun(run, 'best_model.pth'), position: { epoch: 2, batch: 0 } })
})

test('where no checkpoint is intact, --resume is refused with their names, and touches nothing', async () => {
  const run = copied('damaged')
  for (const name of FILES) truncateSync(inRun(run, name), 1000)
  const before = digestsOf(run)
  const lines: string[] = []
  await expect(trainHere(folder(run), words(3), true, {}, lines)).rejects.toThrow(
    new InputError(
      `${inRun(run)}: no checkpoint there is intact (last.pth, checkpoint_epoch_2.pth, checkpoint_epoch_1.pth, best_model.pth), expected one; without --resume, training starts afresh and keeps what is there in ${inRun(run, 'earlier')}`,
    ),
  )
  expect(lines).toEqual(FILES.map(() => expect.stringMatching(/\.pth: .*truncated.*; trying an earlier checkpoint$/)))
  expect(digestsOf(run)).toEqual(before)
  expect(readdirSync(folder(run))).toEqual(['checkpoints'])
})

/** What stands in place of a checkpoint and cannot be read, whoever asks. */
const UNREADABLE: Record<string, [make: (path: string) => void, reason: RegExp]> = {
  'a broken disk': [path => symlinkSync('/proc/self/mem', path), /cannot be read \(EIO/],
  'a link into a file system that is gone': [path => symlinkSync('/nowhere/last.pth', path), /\(ENOENT/],
  'a folder': [path => mkdirSync(path), /is a folder/],
  'a named pipe': [path => void execFileSync('mkfifo', [path]), /is a named pipe/],
}

test.for(Object.keys(UNREADABLE))(
  'a newest checkpoint that is unreadable, %s, is not taken for damaged',
  async (name, ctx) => {
    if (process.platform !== 'linux') ctx.skip('makes files that only Linux has')
    const [make, reason] = UNREADABLE[name]!
    const run = copied(name)
    rmSync(inRun(run, 'last.pth'))
    make(inRun(run, 'last.pth'))
    const before = namesOf(run)
    const resuming = trainHere(folder(run), words(3), true)
    await expect(resuming).rejects.toThrow(reason)
    await expect(resuming).rejects.toThrow(
      /: last\.pth cannot be read and may be the newest checkpoint \(.*\): make it readable, or resume from another one with --resume FILE; without/,
    )
    await expect(resuming).rejects.toBeInstanceOf(InputError)
    expect(namesOf(run)).toEqual(before)
    expect(readdirSync(folder(run))).toEqual(['checkpoints'])
  },
)

test('an unreadable checkpoint that its name tells to be older is not needed', async ctx => {
  if (process.platform !== 'linux') ctx.skip('makes files that only Linux has')
  const run = copied('older')
  rmSync(inRun(run, 'checkpoint_epoch_1.pth'))
  symlinkSync('/proc/self/mem', inRun(run, 'checkpoint_epoch_1.pth'))
  expect(newestIn(inRun(run), line => expect.fail(line))!.path).toBe(inRun(run, 'last.pth'))
})

test('a save_dir that is a file, or lies below one, is wrong input; so is one whose folder for earlier runs is a file', async () => {
  mkdirSync(folder('file'))
  writeFileSync(inRun('file'), '')
  for (const resume of [false, true])
    await expect(trainHere(folder('file'), words(1), resume)).rejects.toThrow(
      new InputError(`${inRun('file')}: not a folder, expected one for checkpoints`),
    )
  await expect(trainHere(join(inRun('file'), 'below'), words(1), false)).rejects.toThrow(InputError)
  const run = copied('earlier file')
  writeFileSync(inRun(run, 'earlier'), '')
  await expect(trainHere(folder(run), words(1))).rejects.toThrow(
    /earlier: .*, expected a folder for earlier checkpoints$/,
  )
  expect(readdirSync(folder(run))).toEqual(['checkpoints'])
})
