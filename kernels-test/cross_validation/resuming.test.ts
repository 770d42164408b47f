// full: trains six small models, some in processes of their own that are killed at every stage
import { cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { Command, run } from '../cli/command.ts'
import { writeVolume } from '../data/import/input.ts'
import { RAS } from '../data/scan/nifti_bytes.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { TINY, wordsFor, writeSubjects } from './made_subjects.ts'

const root = temporaryDirectory()
const scans = writeSubjects(root, 6)
const [whole, killed] = [join(root, 'whole'), join(root, 'killed')]
const words = (output: string, ...options: string[]): string[] => [...wordsFor(scans, output), ...options, ...TINY]
const textOf = (output: string, name: string): string => readFileSync(join(output, name), 'utf8')

/** Starts the command and ends it once `isThere`. */
async function endWhen(isThere: (command: Command) => Promise<unknown>, signal: NodeJS.Signals, ...options: string[]) {
  const command = new Command(words(killed, ...options), root)
  await isThere(command)
  command.child.kill(signal)
  return command.finished
}

const saying = (pattern: RegExp) => (command: Command) => command.says(pattern)

/** Once a file is there, or the process has ended. */
const having = (path: string) => async (command: Command) => {
  let hasEnded = false
  void command.finished.then(() => {
    hasEnded = true
  })
  while (!hasEnded && !existsSync(path)) await setTimeout(1)
}

beforeAll(async () => {
  const { code, stderr } = await run(words(whole), root)
  expect(code, stderr).toBe(0)
})

test('every subject is predicted once, by the model of the other fold', () => {
  const { cases, per_fold, num_subjects } = JSON.parse(textOf(whole, 'report.json'))
  const { subjects } = JSON.parse(textOf(whole, 'folds.json'))
  expect(num_subjects).toBe(6)
  expect(cases).toHaveLength(12)
  for (const { fold, subject } of subjects) {
    const { view } = JSON.parse(textOf(whole, `fold_${fold}/dataset/metadata.json`))
    expect(view.subjects.val).toContain(subject)
    expect(view.subjects.train).not.toContain(subject)
    expect(cases.filter((each: { subject: string }) => each.subject === subject)).toMatchObject([{ fold }, { fold }])
    expect(existsSync(join(whole, `fold_${fold}/predictions/${subject}/masks/one.nii.gz`))).toBe(true)
  }
  expect(per_fold).toMatchObject([
    { fold: 0, epochs: 2, weights: 'fold_0/last.pth', num_subjects: 3 },
    { fold: 1, epochs: 2, num_subjects: 3 },
  ])
})

test('the folds have no volumes of their own', () => {
  expect(existsSync(join(whole, 'dataset', 'train.h5'))).toBe(true)
  expect(existsSync(join(whole, 'dataset', 'val.h5'))).toBe(false)
  expect(statSync(join(whole, 'fold_0', 'dataset', 'metadata.json')).size).toBeLessThan(10_000)
})

test('with --flips the same models predict as means over mirrored inputs', async () => {
  const flipped = join(root, 'flipped')
  cpSync(whole, flipped, { recursive: true })
  for (const fold of ['fold_0', 'fold_1'])
    for (const name of ['score.json', 'predictions']) rmSync(join(flipped, fold, name), { recursive: true })
  const refused = await run(words(flipped, '--flips'), root)
  expect(refused.stderr).toMatch(
    /settings\.json: this cross-validation was begun otherwise: flips is false, expected true/,
  )
  const settings = JSON.parse(textOf(flipped, 'settings.json'))
  writeFileSync(join(flipped, 'settings.json'), JSON.stringify({ ...settings, flips: true }))
  const { code, stderr } = await run(words(flipped, '--flips'), root)
  expect(code, stderr).toBe(0)
  expect(stderr).toMatch(/2 of 2 epochs are done/)
  const { subjects } = JSON.parse(textOf(flipped, 'folds.json'))
  const path = `fold_${subjects[0].fold}/predictions/presence.json`
  expect(JSON.parse(textOf(flipped, path)).flips).toEqual([[], [0]])
  expect(JSON.parse(textOf(whole, path)).flips).toEqual([[]])
  expect(JSON.parse(textOf(flipped, 'report.json')).flips).toBe(true)
  expect(textOf(flipped, 'report.txt')).toMatch(/means over mirrored inputs/)
  expect(textOf(whole, 'report.txt')).not.toMatch(/mirrored/)
})

describe('killed at', () => {
  test('the import, the training, the prediction, the score: the report is the same', async () => {
    await endWhen(having(join(killed, 'folds.json')), 'SIGKILL', '--only', '1')
    await endWhen(saying(/epoch 1\/2 {2}train/), 'SIGKILL', '--only', '1')
    const interrupted = await endWhen(saying(/epoch 2\/2 {2}train|resumed from/), 'SIGINT', '--only', '1')
    expect([0, 130]).toContain(interrupted.code)
    await endWhen(having(join(killed, 'fold_1', 'predictions')), 'SIGKILL', '--only', '1')
    const first = await run(words(killed, '--only', '1'), root)
    expect(first.stderr).toMatch(/fold 0 is missing; the report comes with the last one/)
    expect(first.code).toBe(0)
    expect(existsSync(join(killed, 'report.json'))).toBe(false)
    await endWhen(saying(/kernels {3}\d+ compiled/), 'SIGKILL', '--only', '0')
    const second = await run(words(killed), root)
    expect(second.stderr).toMatch(/fold 1: finished already/)
    expect(second.code, second.stderr).toBe(0)
    for (const name of ['report.json', 'report.txt']) expect(textOf(killed, name)).toBe(textOf(whole, name))
    for (const fold of [0, 1])
      expect(textOf(killed, `fold_${fold}/score.json`)).toBe(textOf(whole, `fold_${fold}/score.json`))
  })
})

describe('started again', () => {
  test('nothing is repeated', async () => {
    const before = textOf(whole, 'report.json')
    const { stderr, code } = await run([...words(whole), 'logging.log_frequency=3'], root)
    expect(stderr).toMatch(/fold 0: finished already\nfold 1: finished already\n/)
    expect(stderr).not.toMatch(/adapter {3}/)
    expect(code).toBe(0)
    expect(textOf(whole, 'report.json')).toBe(before)
  })

  test('against itself nothing differs', async () => {
    const { stdout } = await run(words(whole, '--json', '--against', join(whole, 'report.json')), root)
    const { comparison } = JSON.parse(stdout)
    expect(comparison.differences[0]).toMatchObject({ structure: null, difference: 0, p_value: null })
  })

  test.each<[string, string[], RegExp]>([
    [
      'the number of epochs',
      ['training.num_epochs=3'],
      /training\.num_epochs is 2, expected 3; choose another --output/,
    ],
    ['the widths', ['model.channels=[2,4,4,6,6]'], /model\.channels is \[2,4,4,6,8\], expected \[2,4,4,6,6\]/],
  ])('%s may not differ', async (_, more, message) => {
    const { stderr, code } = await run([...words(whole), ...more], root)
    expect(stderr).toMatch(message)
    expect(code).toBe(2)
  })

  test('nor may the seed or the scans', async () => {
    const seeded = await run(words(whole, '--seed', '7'), root)
    expect(seeded.stderr).toMatch(/settings\.json: this cross-validation was begun otherwise: seed is 42, expected 7/)
    const added = ['images', 'labels'].map(name => join(root, name, 's9.nii'))
    for (const path of added) writeVolume(path, { size: [16, 16, 32], affine: RAS, type: 2, value: v => v % 2 })
    const grown = await run(words(whole), root)
    for (const path of added) rmSync(path)
    expect(grown.stderr).toMatch(/folds\.json: s9 came after the folds were dealt/)
    expect([seeded.code, grown.code]).toEqual([2, 2])
  })
})
