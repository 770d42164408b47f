import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDataset } from '../../../src/data/dataset/dataset.ts'
import { importScans } from '../../../src/data/import/import.ts'
import type { ImportOptions } from '../../../src/data/import/import_options.ts'
import { readManifest } from '../../../src/data/import/manifest.ts'
import { parseStructures, parseValues } from '../../../src/data/import/structures.ts'
import { temporaryDirectory } from '../small_dataset.ts'
import { imageOf, optionsFor, SIZE, writeVolume } from './input.ts'

const root = temporaryDirectory()
const FIRST = 600 // voxels of the first label, then as many of the next …

/** A folder of scans whose labels hold these values. */
function labelled(name: string, values: readonly (readonly number[])[]): ImportOptions {
  const [images, labels] = [join(root, name, 'imagesTr'), join(root, name, 'labelsTr')]
  for (const [n, held] of values.entries()) {
    writeVolume(join(images, `c${n}_0000.nii`), { value: imageOf(n) })
    writeVolume(join(labels, `c${n}.nii`), { value: v => held[Math.floor(v / FIRST)] ?? 0 })
  }
  return optionsFor(join(root, name, 'out'), { images, labels }, { imageSize: SIZE })
}

function describe(name: string, content: Record<string, unknown>): void {
  writeFileSync(join(root, name, 'dataset.json'), JSON.stringify(content))
}

/** subject → presence */
async function presenceIn({ outputDir }: ImportOptions): Promise<Record<string, number[]>> {
  const { splits, structureNames } = await openDataset(outputDir)
  const count = structureNames.length
  return Object.fromEntries(
    Object.values(splits).flatMap(({ subjects, presence }) =>
      subjects.map((subject, n) => [subject, [...presence.subarray(n * count, (n + 1) * count)]]),
    ),
  )
}

const NAMED = { channel_names: { 0: 'MR' }, labels: { background: 0, a: 1, b: 2 }, file_ending: '.nii' }

test('a value that dataset.json does not name: the scan is refused or skipped, never taken for an absence', async () => {
  const options = labelled('json', [[1, 2], [1, 2], [255], [1, 2], [1, 2, 7]])
  describe('json', NAMED)
  const source = { images: join(root, 'json') }
  const refusal =
    /labelsTr\/c2\.nii: label 255 is not named in .*dataset\.json, expected 0 \(background\), 1 \(a\), 2 \(b\), or the value in --leave-out$/
  await expect(importScans({ ...options, sources: [source] })).rejects.toThrow(refusal)
  const report = await importScans({ ...options, sources: [source], skipBad: true })
  expect(report.skipped).toEqual([expect.stringMatching(refusal), expect.stringMatching(/c4\.nii: label 7 is not/)])
  expect(report.presence.map(({ present, absent }) => [present, absent])).toEqual([
    [3, 0],
    [3, 0],
  ])
  const left = await importScans({ ...options, sources: [{ ...source, leftOut: [7, 255] }] })
  expect(left.warnings).toEqual([])
  expect(await presenceIn(options)).toMatchObject({ c2: [0, 0], c4: [1, 1] })
  // a list that selects some of the declared labels is no doubt
  const selected = await importScans({
    ...options,
    sources: [{ ...source, leftOut: [7, 255], structures: parseStructures('b=2') }],
  })
  expect(selected.warnings).toEqual([expect.stringMatching(/json: label values 1 belong to no structure$/)])
  expect(await presenceIn(options)).toMatchObject({ c0: [1], c2: [0] })
})

test('a value outside a list is left out if it cannot be a listed structure, and refused if it may be one', async () => {
  const options = labelled('list', [
    [1, 2, 3],
    [1, 3],
    [1, 2],
    [1, 9],
  ])
  const source = options.sources[0]!
  const structures = parseStructures('a=1,b=2')
  const refusal =
    /c3\.nii: label 9 may be b, which the scan lacks \(structures: a=1, b=2\); expected it among them, or in --leave-out$/
  await expect(importScans({ ...options, sources: [{ ...source, structures }] })).rejects.toThrow(refusal)
  const { warnings } = await importScans({
    ...options,
    sources: [{ ...source, structures, leftOut: parseValues('9') }],
  })
  expect(warnings).toEqual([expect.stringMatching(/imagesTr: label values 3 belong to no structure$/)])
  expect(await presenceIn(options)).toEqual({ c0: [1, 1], c1: [1, 0], c2: [1, 1], c3: [1, 0] })
  // nothing is lacked where nothing was looked for
  const report = await importScans({ ...options, sources: [{ ...source, structures, annotated: ['a'] }] })
  expect(report.warnings[0]).toMatch(/label values 3, 9 belong to no structure/)
  expect((await presenceIn(options)).c3).toEqual([1, -1])
  const path = join(root, 'list', 'sources.json')
  writeFileSync(
    path,
    `\uFEFF${JSON.stringify({ sources: [{ images: 'imagesTr', labels: 'labelsTr', structures: { a: 1, b: 2 }, leave_out: [9] }] })}`,
  )
  await importScans({ ...options, ...readManifest(path) })
  expect((await presenceIn(options)).c3).toEqual([1, 0])
  await expect(importScans({ ...options, sources: [{ ...source, structures, leftOut: [2] }] })).rejects.toThrow(
    /^a value of 'b' is also left out/,
  )
  expect(parseValues('1, 7-9,-3')).toEqual([1, 7, 8, 9, -3])
  for (const wrong of ['', '1,', 'a', '9-7', '1.5', '0-999999'])
    expect(() => parseValues(wrong)).toThrow(/label values/)
})

test('nothing names the values: a scan that shares none with the others is refused', async () => {
  const options = labelled('bare', [[1, 2], [1], [255], [1, 2]])
  await expect(importScans(options)).rejects.toThrow(
    /c2\.nii: label 255 is in no other scan, and those of the others \(1, 2\) are not in this one; expected the same/,
  )
  const named = parseStructures('a=1,b=2,c=255')
  await importScans({ ...options, sources: [{ ...options.sources[0]!, structures: named }] })
  expect((await presenceIn(options)).c2).toEqual([0, 0, 1])
  const sides = labelled('sides', [[1], [2]])
  expect((await importScans(sides)).structureNames).toEqual(['label_1', 'label_2'])
})

test('images and labels in each other’s place are said to be swapped', async () => {
  for (const [name, value] of Object.entries({ whole: (v: number) => v % 700, fractions: (v: number) => v + 0.25 })) {
    const [images, labels] = [join(root, name, 'images'), join(root, name, 'labels')]
    writeVolume(join(labels, 's.nii'), { value })
    writeVolume(join(images, 's.nii'), { value: v => Number(v < 9) })
    for (const structures of [undefined, parseStructures('a=1')])
      await expect(
        importScans(
          optionsFor(join(root, 'swapped'), { images, labels, ...(structures && { structures }) }, { imageSize: SIZE }),
        ),
      ).rejects.toThrow(/s\.nii: .*, and its image holds few whole numbers: are the images and the labels swapped\?$/)
  }
})

test('masks of no structure, and what else their folders hold, are said', async () => {
  const [images, labels] = [join(root, 'masks', 'images'), join(root, 'masks', 'labels')]
  for (const n of [0, 1]) {
    writeVolume(join(images, `p${n}.nii`), { value: imageOf(n) })
    for (const name of ['liver', 'spleen'])
      writeVolume(join(labels, `p${n}`, `${name}.nii`), { value: v => Number(v < 99) })
  }
  writeFileSync(join(labels, 'p1', 'kidney.png'), '')
  mkdirSync(join(labels, 'p1', 'older'))
  writeFileSync(join(images, 'p2.png'), '')
  writeFileSync(join(images, 'p2.json'), '')
  const source = { images, labels, structures: parseStructures('spleen') }
  const { warnings } = await importScans(optionsFor(join(root, 'masks', 'out'), source, { imageSize: SIZE }))
  expect(warnings).toEqual([
    expect.stringMatching(/images: 1 files are neither volumes nor folders and are not imported: p2\.png$/),
    expect.stringMatching(/labels: 2 entries are no masks \(\.nii, .*\): p1\/older, p1\/kidney\.png$/),
    expect.stringMatching(/images: mask files liver belong to no structure$/),
  ])
})
