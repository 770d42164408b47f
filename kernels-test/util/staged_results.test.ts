import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { InputError } from '../../src/util/error.ts'
import { RESULTS_LIST } from '../../src/util/files/result_folder.ts'
import { StagedResults } from '../../src/util/files/staged_results.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'

const { pid: gone } = spawnSync(process.execPath, ['-e', ''])

test('what a killed prediction left is removed by the next; what others use or own stays', () => {
  const folder = temporaryDirectory()
  const left = `.staged-${gone}-abc123`
  const others = [`.staged-${process.ppid}-abc123`, '.staged-mine', `staged-${gone}-abc123`]
  for (const name of [left, ...others]) {
    mkdirSync(join(folder, name, 'masks'), { recursive: true })
    writeFileSync(join(folder, name, 'masks', 'liver.nii.gz'), 'half')
  }
  const results = new StagedResults(folder)
  expect(existsSync(join(folder, left))).toBe(false)
  writeFileSync(results.path('masks', 'heart.nii.gz'), 'whole')
  expect(results.commit()).toEqual([join(folder, 'masks', 'heart.nii.gz')])
  expect(readdirSync(folder).sort()).toEqual([...others, 'masks', RESULTS_LIST].sort())
})

test('a file in the place of a folder of results is wrong input', () => {
  const folder = temporaryDirectory()
  writeFileSync(join(folder, 'masks'), '')
  const results = new StagedResults(folder)
  expect(() => results.path('masks', 'heart.nii.gz')).toThrow(InputError)
  expect(() => results.path('masks', 'heart.nii.gz')).toThrow(
    /heart\.nii\.gz: no file can be written there \(ENOTDIR: not a directory, lstat\)$/,
  )
  results.abandon()
  expect(readdirSync(folder)).toEqual(['masks'])
})
