import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AbsenceSet, makeAbsenceSet, readAbsenceSet } from '../../bench/absence/absence_set.ts'
import { profileOf, readVolume } from '../../bench/absence/crop.ts'
import { scoreAbsence } from '../../bench/absence/score.ts'
import { drawPair, presenceAt, shareIn } from '../../bench/absence/windows.ts'
import { openLabelledScans } from '../../bench/outcome/scans.ts'
import { openDataset } from '../../src/data/dataset/dataset.ts'
import { importScans } from '../../src/data/import/import.ts'
import { IMPORT_DEFAULTS } from '../../src/data/import/import_options.ts'
import { readManifest } from '../../src/data/import/manifest.ts'
import { writeNifti } from '../../src/data/scan/nifti/writer.ts'
import { makeFolders } from '../../src/util/files/folder.ts'
import { OP_GENERATE, RandomStream } from '../../src/util/random.ts'
import { BACK, FRONT, writeLabelledScans } from './labelled_scans.ts'

const root = mkdtempSync(join(tmpdir(), 'sadaan-absence-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const data = join(root, 'data')
const folder = join(root, 'set')
const STRUCTURES = ['back', 'front']
let set: AbsenceSet

async function make(outputDir: string, seed = 42): Promise<AbsenceSet> {
  const scans = openLabelledScans(data)
  return makeAbsenceSet({ scans, heldOut: new Set(['case_01', 'case_04']), axis: 1, seed, outputDir })
}

beforeAll(async () => {
  writeLabelledScans(data, 6)
  set = await make(folder)
})

test('a pair of windows has one length; one lacks the structure, the other keeps it', () => {
  const profile = Float64Array.from({ length: 24 }, (_, i) => (i >= 10 && i < 15 ? 7 : 0))
  const lengths = new Set<number>()
  for (let sample = 0; sample < 200; sample++) {
    const pair = drawPair(profile, new RandomStream({ seed: 1, operation: OP_GENERATE, sample }))!
    const [lacking, keeping] = [pair.lacking, pair.keeping]
    expect(lacking.end - lacking.start).toBe(keeping.end - keeping.start)
    expect(shareIn(profile, lacking)).toBe(0)
    expect(shareIn(profile, keeping)).toBe(1)
    lengths.add(lacking.end - lacking.start)
  }
  // from the structure's own length to the longer of the parts beside it
  expect([...lengths].sort((a, b) => a - b)).toEqual([5, 6, 7, 8, 9, 10])
})

test('no pair is drawn where what lies beside a structure is shorter than it', () => {
  const profile = Float64Array.from({ length: 12 }, (_, i) => (i >= 3 && i < 9 ? 1 : 0))
  expect(drawPair(profile, new RandomStream({ seed: 1, operation: OP_GENERATE }))).toBeUndefined()
})

test('what is cut is unknown from 5 % on and below 95 %', () => {
  expect([0, 0.0499, 0.05, 0.9499, 0.95, 1].map(presenceAt)).toEqual([0, 0, -1, -1, 1, 1])
})

test('each scan gives two crops of one length for each structure, along the axis of its space and not of its file', () => {
  expect(set.without_pair).toEqual({ back: [], front: [] })
  for (const { name } of openLabelledScans(data).scans)
    for (const structure of STRUCTURES) {
      const crops = set.crops.filter(crop => crop.name.startsWith(`${name}__`) && crop.drawn_for === structure)
      expect(crops.map(({ presence }) => presence[structure])).toEqual([0, 1])
      const [lacking, keeping] = crops.map(({ slices }) => slices)
      expect(lacking!.end - lacking!.start).toBe(keeping!.end - keeping!.start)
      const own = structure === 'back' ? BACK : FRONT
      expect(lacking!.end <= own.start || lacking!.start >= own.end).toBe(true)
      expect(keeping!.start <= own.start && keeping!.end >= own.end).toBe(true)
    }
  expect(new Set(set.crops.filter(({ part }) => part === 'test').map(({ subject }) => subject))).toEqual(
    new Set(['case_01', 'case_04']),
  )
})

test('a crop holds the slices of its scan where they were in space; absent structures have no voxel in its labels', () => {
  for (const { name, part, slices, presence, subject, shares } of set.crops) {
    const whole = readVolume(join(data, 'imagesTr', `${subject}.nii.gz`))
    const image = readVolume(join(folder, part, 'images', `${name}.nii.gz`))
    const [width, long, depth] = whole.grid.size
    expect(image.grid.size).toEqual([width, slices.end - slices.start, depth])
    expect(image.grid.affine[1]![3]).toBeCloseTo(whole.grid.affine[1]![3]! + slices.start, 4)
    const at = (1 * long + slices.start + 2) * depth + 3
    expect(image.values[(1 * image.grid.size[1] + 2) * depth + 3]).toBe(whole.values[at])
    const label = readVolume(join(folder, part, 'labels', `${name}.nii.gz`))
    for (const [s, structure] of STRUCTURES.entries()) {
      const voxels = profileOf(label, s + 1, 1).reduce((a, b) => a + b, 0)
      expect(voxels > 0, `${name} ${structure} ${shares[structure]}`).toBe(presence[structure] !== 0)
    }
  }
})

test('import reads the set as it is: presence, unknown structures, subjects and the test split are those of crops.json', async () => {
  const outputDir = join(root, 'dataset')
  const { sources } = readManifest(join(folder, 'sources.json'))
  await importScans({ ...IMPORT_DEFAULTS, sources, outputDir, spacing: [1, 1, 1] })
  const { splits, structureNames } = await openDataset(outputDir)
  expect(structureNames).toEqual(STRUCTURES)
  const found = Object.values(splits).flatMap(({ name, subjects, presence, samples }) =>
    Array.from({ length: samples }, (_, n) =>
      [name === 'test', subjects[n], ...presence.slice(2 * n, 2 * n + 2)].join(),
    ),
  )
  const truth = set.crops.map(({ part, subject, presence }) =>
    [part === 'test', subject, ...STRUCTURES.map(name => presence[name])].join(),
  )
  expect(found.sort()).toEqual(truth.sort())
})

test('the same seed gives the same files, another one other crops; another folder is refused', async () => {
  const again = await make(join(root, 'again'))
  expect(again).toEqual(set)
  const bytes = (of: string, name: string): Buffer => readFileSync(join(root, of, name))
  for (const name of ['crops.json', 'sources.json', `train/images/${set.crops[0]!.name}.nii.gz`])
    expect(bytes('again', name).equals(bytes('set', name)), name).toBe(true)
  expect((await make(join(root, 'other'), 1)).crops).not.toEqual(set.crops)
  expect(readAbsenceSet(folder)).toEqual(set)
  await expect(make(data)).rejects.toThrow(/holds dataset.json, expected an empty folder or an earlier set/)
})

test('predictions are judged by presence and by volume, with the best threshold in hindsight', async () => {
  const predictions = join(root, 'predictions')
  // draws the truth, and a voxel of every absent structure
  const crops = set.crops.filter(({ part }) => part === 'test')
  for (const { name, presence } of crops) {
    const { values, grid } = readVolume(join(folder, 'test', 'labels', `${name}.nii.gz`))
    const drawn = Uint8Array.from(values)
    for (const [s, structure] of STRUCTURES.entries()) if (presence[structure] === 0) drawn[s] = s + 1
    makeFolders(predictions)
    writeNifti(join(predictions, `${name}.nii.gz`), drawn, grid)
  }
  const lines = await scoreAbsence(folder, [{ tool: 'masks', folder: predictions }])
  const all = (rule: string) => lines.find(line => line.rule === rule && line.structure === 'all')!
  expect(all('volume > 0')).toMatchObject({
    absent: 4,
    present: 4,
    accuracy: 0.5,
    sensitivity: 0,
    specificity: 1,
    auc: 1,
  })
  expect(all('volume > 0').false_volume_ml).toBeCloseTo(0.001, 9)
  expect(all('volume > best')).toMatchObject({ accuracy: 1, sensitivity: 1, specificity: 1 })
  expect(all('volume > best').threshold_ml).toBeCloseTo(0.001, 9)
  expect(lines.some(({ rule }) => rule === 'presence')).toBe(false)
  rmSync(join(predictions, `${crops[0]!.name}.nii.gz`))
  await expect(scoreAbsence(folder, [{ tool: 'masks', folder: predictions }])).rejects.toThrow(
    /holds no prediction for 1 of/,
  )
})

test('what predict says of presence counts, whatever its masks hold', async () => {
  const predictions = join(root, 'ours')
  const crops = set.crops.filter(({ part }) => part === 'test')
  const samples = crops.map(({ name, presence }, sample) => {
    const { grid } = readVolume(join(folder, 'test', 'labels', `${name}.nii.gz`))
    for (const structure of STRUCTURES) {
      makeFolders(join(predictions, name, 'masks'))
      writeNifti(
        join(predictions, name, 'masks', `${structure}.nii.gz`),
        new Uint8Array(grid.size.reduce((a, b) => a * b)),
        grid,
      )
    }
    const said = (structure: string) => ({
      presence_probability: presence[structure] === 0 ? 0.4 : 0.6,
      present: presence[structure] !== 0,
    })
    return {
      sample,
      scan: name,
      structures: Object.fromEntries(STRUCTURES.map(structure => [structure, said(structure)])),
    }
  })
  writeFileSync(
    join(predictions, 'presence.json'),
    JSON.stringify({ structure_names: STRUCTURES, samples, failed: [] }),
  )
  const lines = await scoreAbsence(folder, [{ tool: 'ours', folder: predictions }])
  const all = (rule: string) => lines.find(line => line.rule === rule && line.structure === 'all')!
  expect(all('presence')).toMatchObject({ accuracy: 1, sensitivity: 1, specificity: 1, auc: 1, false_volume_ml: 0 })
  expect(all('volume > 0')).toMatchObject({ sensitivity: 1, specificity: 0, auc: 0.5 })
})
