import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { dealFolds } from '../../src/cross_validation/folds.ts'
import { foldsGiven, readGivenFolds, splitsFinal } from '../../src/cross_validation/given_folds.ts'
import { run } from '../cli/command.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { TINY, wordsFor, writeSubjects } from './made_subjects.ts'

const root = temporaryDirectory()

const subjects = Array.from({ length: 23 }, (_, n) => ({
  subject: `subject_${n}`,
  pattern: n < 5 ? '1,0' : n < 6 ? '0,1' : '1,1',
}))

describe('folds', () => {
  test('are the same for the same subjects, in any order', () => {
    const folds = dealFolds(subjects, 5, 42)
    expect(new Map([...dealFolds(subjects.toReversed(), 5, 42)].sort())).toStrictEqual(new Map([...folds].sort()))
    expect(dealFolds(subjects, 5, 42)).toStrictEqual(folds)
    expect(dealFolds(subjects, 5, 43)).not.toStrictEqual(folds)
  })

  test('are as large as each other and have each pattern as often', () => {
    const folds = dealFolds(subjects, 5, 7)
    const sizes = (pattern?: string): number[] =>
      [0, 1, 2, 3, 4].map(
        fold =>
          subjects.filter(
            each => folds.get(each.subject) === fold && (pattern === undefined || each.pattern === pattern),
          ).length,
      )
    expect(sizes().reduce((sum, size) => sum + size)).toBe(23)
    for (const pattern of [undefined, '1,0', '1,1'])
      expect(Math.max(...sizes(pattern)) - Math.min(...sizes(pattern)), pattern).toBeLessThanOrEqual(1)
  })

  test('need a subject each', () => {
    expect(() => dealFolds(subjects.slice(0, 3), 4, 1)).toThrow(/3 subjects, expected at least one for each of 4 folds/)
  })
})

describe('given folds', () => {
  const named = [
    { subject: 'a', scans: ['a_1', 'a_2'] },
    { subject: 'b', scans: ['b'] },
    { subject: 'c', scans: ['c'] },
  ]

  test('go by the names of scans or subjects, and come back for nnU-Net', () => {
    const folds = foldsGiven(named, [
      ['a_1', 'a_2'],
      ['b', 'c'],
    ])
    expect([...folds]).toStrictEqual([
      ['a', 0],
      ['b', 1],
      ['c', 1],
    ])
    const placed = named.map(each => ({ ...each, fold: folds.get(each.subject)! }))
    const path = join(root, 'splits_final.json')
    writeFileSync(path, JSON.stringify(splitsFinal(placed, 2)))
    expect(JSON.parse(readFileSync(path, 'utf8'))[0]).toStrictEqual({ train: ['b', 'c'], val: ['a_1', 'a_2'] })
    expect(readGivenFolds(path)).toStrictEqual([
      ['a_1', 'a_2'],
      ['b', 'c'],
    ])
  })

  test.each<[string[][], RegExp]>([
    [
      [
        ['a_1', 'b'],
        ['a_2', 'c'],
      ],
      /the scans of a are in several of the given folds/,
    ],
    [[['a'], ['b']], /the given folds lack c/],
    [[['a'], ['b', 'c', 'd']], /the given folds name d, which are not among the scans/],
  ])('%j are refused', (given, message) => {
    expect(() => foldsGiven(named, given)).toThrow(message)
  })
})

describe('refused in one line, and nothing written:', () => {
  const scans = writeSubjects(root, 4)
  const output = join(root, 'refused')
  test.each<[string, string[], RegExp]>([
    ['one fold', ['--folds', '1', ...TINY], /1 folds, expected an integer of at least 2/],
    ['more folds than subjects', ['--folds', '5', ...TINY], /4 subjects, expected at least one for each of 5 folds/],
    ['a fold beyond', ['--only', '0,2', ...TINY], /no fold 2, expected 0 to 1/],
    ['a folder of its own', [...TINY, 'dataset_path=x'], /dataset_path is given, but each fold has its own/],
    [
      'a rate that follows the held-out subjects',
      [...TINY, "optimizer.lr_scheduler='reduce_on_plateau'"],
      /'reduce_on_plateau': the subjects that a fold is judged on would set its rate/,
    ],
  ])('%s', async (_, words, message) => {
    const given = wordsFor(scans, output).filter(
      (word, i, all) => !words.includes('--folds') || (word !== '--folds' && all[i - 1] !== '--folds'),
    )
    const { code, stderr } = await run([...given, ...words], root)
    expect(stderr).toMatch(message)
    expect(code).toBe(2)
    expect(() => readFileSync(join(output, 'settings.json'))).toThrow(/ENOENT/)
  })
})
