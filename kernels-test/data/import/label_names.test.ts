import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { importScans } from '../../../src/data/import/import.ts'
import { readNifti } from '../../../src/data/scan/nifti/read.ts'
import { sizeOf } from '../../../src/util/shape.ts'
import { niftiBytes, RAS } from '../scan/nifti_bytes.ts'
import { temporaryDirectory } from '../small_dataset.ts'
import { imageOf, optionsFor, SIZE, writeVolume } from './input.ts'

/** The label tables that Connectome Workbench and TotalSegmentator write into a NIfTI header. */

const root = temporaryDirectory()

function table(labels: Record<number, string>): string {
  const rows = Object.entries(labels).map(
    ([key, name]) => `<Label Key="${key}" Red="0.0" Alpha="1"><![CDATA[${name}]]></Label>`,
  )
  return `<?xml version="1.0" encoding="UTF-8"?> <CaretExtension>  <VolumeInformation Index="0">   <LabelTable>\n${rows.join('\n')}\n  </LabelTable></VolumeInformation></CaretExtension>`
}

function labelBytes(extensions: readonly (readonly [number, string | Buffer])[], littleEndian = true): Buffer {
  const values = Uint8Array.from({ length: sizeOf(SIZE) }, (_, v) => (v < 900 ? 1 : v < 1800 ? 52 : v < 2700 ? 7 : 0))
  return niftiBytes({ dims: SIZE, type: 2, values, sform: RAS, extensions, littleEndian })
}

function namesOf(extensions: readonly (readonly [number, string | Buffer])[], littleEndian = true) {
  const path = join(root, 'one.nii')
  writeFileSync(path, labelBytes(extensions, littleEndian))
  const { labelNames, values } = readNifti(path)
  expect([values[0], values.at(-1)]).toEqual([1, 0])
  return labelNames && Object.fromEntries(labelNames)
}

test('a label table is read in either byte order, whatever the code of its extension and the extensions before it', () => {
  const names = { 1: 'spleen', 7: 'stomach', 52: 'aorta' }
  for (const littleEndian of [true, false])
    for (const code of [0, 30])
      expect(
        namesOf(
          [
            [6, 'a comment'],
            [code, table(names)],
          ],
          littleEndian,
        ),
      ).toEqual(names)
  expect(namesOf([])).toBeUndefined()
  expect(namesOf([[6, 'a comment']])).toBeUndefined()
})

test('text without CDATA, other attributes and control characters', () => {
  const xml = `<CaretExtension><LabelTable><Label Red="1" Key="1">a &amp; b &lt;c&gt;</Label><Label Key="7"><![CDATA[ x\n\x1b[2J ]]></Label><Label Red="0">no key</Label><Label Key="52"></Label></LabelTable></CaretExtension>`
  expect(namesOf([[30, xml]])).toEqual({ 1: 'a & b <c>', 7: 'x\\u{a}\\u{1b}[2J' })
})

test.each([
  [
    'entities that expand',
    '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><CaretExtension><LabelTable><Label Key="1">&b;</Label></LabelTable></CaretExtension>',
    { 1: '&b;' },
  ],
  ['a table that does not end', `<CaretExtension><LabelTable>${'<Label Key="1">'.repeat(20_000)}`, undefined],
  ['openings without an end', `<CaretExtension><LabelTable>${'<Label '.repeat(50_000)}</LabelTable>`, undefined],
  ['a name of 100,000 characters', table({ 1: 'x'.repeat(100_000), 7: 'stomach' }), { 7: 'stomach' }],
  ['no XML', Buffer.from([0xff, 0xfe, 0, 1, 2, 3]), undefined],
])('%s: harmless', (_, content, names) => expect(namesOf([[0, content]])).toEqual(names))

test('an extension with a wrong length hides the table, not the voxels', () => {
  const bytes = labelBytes([[0, table({ 1: 'spleen' })]])
  for (const length of [0, -16, 15, 2 ** 30]) {
    bytes.writeInt32LE(length, 352)
    const path = join(root, 'length.nii')
    writeFileSync(path, bytes)
    const { labelNames, values } = readNifti(path)
    expect([labelNames, values[0], values.includes(52)]).toEqual([undefined, 1, true])
  }
})

/** Three subjects whose labels have these tables. */
function folders(name: string, tables: readonly (string | undefined)[]) {
  const [images, labels] = [join(root, name, 'images'), join(root, name, 'labels')]
  mkdirSync(labels, { recursive: true })
  for (const [n, xml] of tables.entries()) {
    writeVolume(join(images, `s${n}.nii`), { value: imageOf(n) })
    writeFileSync(join(labels, `s${n}.nii`), labelBytes(xml === undefined ? [] : [[0, xml]]))
  }
  return optionsFor(join(root, name, 'out'), { images, labels }, { imageSize: SIZE })
}

const structuresIn = (folder: string): string[] =>
  JSON.parse(readFileSync(join(folder, 'metadata.json'), 'utf8')).structure_names

test('import names the structures after the table; values without a name of their own keep their number', async () => {
  const options = folders('named', [
    table({ 1: 'spleen', 52: 'aorta', 117: 'costal_cartilages' }),
    undefined,
    undefined,
  ])
  await importScans(options)
  expect(structuresIn(options.outputDir)).toEqual(['spleen', 'label_7', 'aorta'])

  const shared = folders('shared', [table({ 1: 'kidney', 52: 'kidney', 7: 'stomach' }), undefined, undefined])
  await importScans(shared)
  expect(structuresIn(shared.outputDir)).toEqual(['label_1', 'stomach', 'label_52'])
})

test('the structures that the user names come first', async () => {
  const options = folders('given', [table({ 1: 'spleen' }), undefined, undefined])
  const [source] = options.sources
  const structures = [
    { name: 'milz', marks: [1] },
    { name: 'rest', marks: [7, 52] },
  ]
  await importScans({ ...options, sources: [{ ...source!, structures }] })
  expect(structuresIn(options.outputDir)).toEqual(['milz', 'rest'])
})

test('two labels that name a value differently are refused', async () => {
  const options = folders('contradicting', [table({ 1: 'spleen' }), table({ 1: 'liver' }), undefined])
  await expect(importScans(options)).rejects.toThrow(
    /labels\/s1\.nii: its header names label 1 'liver', that of .*labels\/s0\.nii 'spleen'; name the structures yourself$/,
  )
})
