import { join } from 'node:path'
import { expect, test } from 'vitest'
import { importScans } from '../../../src/data/import/import.ts'
import { temporaryDirectory } from '../small_dataset.ts'
import { folders, imageOf, writeVolume } from './input.ts'

const root = temporaryDirectory()

test('the same image in two splits is refused, within one split or subject it is said', async () => {
  const options = folders(join(root, 'twice'), 6)
  const [source] = options.sources
  for (const n of [4, 5]) writeVolume(join(source!.images, `s${n}.nii`), { value: v => imageOf(n - 4)(v) })
  const pattern = { ...options, validationSplit: 0.5, sources: [{ ...source!, subjectPattern: '^(s)' }] }
  const { warnings } = await importScans(pattern)
  expect(warnings).toContainEqual(expect.stringMatching(/^the same image within a split: s[0145] like s[0145], s/))
  const apart = (skipBad: boolean) =>
    importScans({ ...options, skipBad, validationSplit: 0.5, testSplit: 0.34, seed: 1 })
  await expect(apart(false)).rejects.toThrow(
    /s\d\.nii: in split (val|test), has the same image as .*s\d\.nii in split \w+; expected/,
  )
  expect((await apart(true)).skipped[0]).toMatch(/has the same image as/)
})

test('voxels that stand for a missing value are refused', async () => {
  const options = folders(join(root, 'missing'), 2)
  const image = join(options.sources[0]!.images, 's1.nii')
  writeVolume(image, { value: v => (v === 5 ? -3e38 : v % 90) })
  await expect(importScans(options)).rejects.toThrow(
    /s1\.nii: has a voxel of magnitude 3\.00e\+38, expected at most 1e\+12: it may stand for a missing value$/,
  )
})
