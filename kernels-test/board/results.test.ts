import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { Records } from '../../src/board/records/records.ts'
import { KnownPlaces } from '../../src/board/results/known_places.ts'
import type { ResultsFolder } from '../../src/board/results/results_folder.ts'
import { CaseVolumes } from '../../src/board/results/volumes.ts'
import { readScan } from '../../src/data/scan/read_scan.ts'
import { csvRecords } from '../../src/util/csv.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { isInside, makeResults, PREDICTED, SIZE, STORED, writeMasks } from './made_results.ts'

const root = temporaryDirectory()
let results: ResultsFolder
beforeAll(async () => {
  await makeResults(root)
  results = resultsIn([root])
})

function resultsIn(folders: string[]): ResultsFolder {
  const records = new Records(folders)
  records.refresh()
  return records.resultsAt(records.table.results[0]!)!
}

const volumesOf = (of: ResultsFolder, sample: number, folders = [root]) =>
  new CaseVolumes(of, of.caseAt(sample)!, new KnownPlaces(folders))

/** The voxels of a layer, k fastest. */
async function voxels(layer: 'scan' | 'truth' | 'prediction') {
  const path = join(root, 'layer.nii')
  writeFileSync(path, await volumesOf(results, 1).bytes(layer, 0))
  return readScan(path)
}

test('cases say what is there, what was predicted, and what is wrong', () => {
  const { cases, structures, threshold, weights } = results.page
  expect([structures, threshold, weights]).toEqual([PREDICTED, 0.5, ['m.pth']])
  expect(cases).toMatchObject([
    { sample: 0, name: 'subject "0"', scenario: 'usual', wrong: 0, dice: 0.75, warnings: [] },
    { sample: 1, name: 'subject "1"', wrong: 1, dice: 0.75, warnings: ['unlike the others'] },
  ])
  const kidney = { name: STORED[2], isPresent: false, probability: 0.9, isPredicted: true, volume: '12 voxels' }
  expect(cases[1]!.structures[2]).toEqual(kidney)
})

test('the layers of a case: the scan in millimetres, labels in the order of the results', async () => {
  expect(await volumesOf(results, 1).available()).toMatchObject({ layers: ['scan', 'truth', 'prediction'] })
  const scan = await voxels('scan')
  expect([scan.size, scan.affine.map((row, axis) => row[axis])]).toEqual([[...SIZE], [2, 1, 1]])
  const { values } = await voxels('prediction')
  for (const v of values.keys()) {
    const s = STORED.findIndex((_, each) => isInside(each, v))
    expect(values[v]).toBe(PREDICTED.indexOf(STORED[s]!) + 1)
  }
  expect(new Set((await voxels('truth')).values)).toEqual(new Set([0, 1, 2, 3]))
})

test('an evaluation alone says what is missing', async () => {
  const other = join(root, 'alone')
  mkdirSync(other)
  for (const name of ['cases.csv', 'detailed_metrics.json'])
    copyFileSync(join(root, 'results', name), join(other, name))
  const alone = resultsIn([other])
  const { layers, missing } = await volumesOf(alone, 0).available()
  expect([layers, missing.join()]).toEqual([
    ['scan', 'truth'],
    expect.stringMatching(/evaluate with --masks keeps the masks/),
  ])
})

test('an evaluation with masks has its prediction, on the grid of the model', async () => {
  const folder = join(root, 'with_masks')
  mkdirSync(folder)
  copyFileSync(join(root, 'results', 'cases.csv'), join(folder, 'cases.csv'))
  const { evaluated } = JSON.parse(readFileSync(join(root, 'results', 'detailed_metrics.json'), 'utf8'))
  const facts = { evaluated: { ...evaluated, structure_names: PREDICTED } }
  writeFileSync(join(folder, 'detailed_metrics.json'), JSON.stringify(facts))
  await writeMasks(join(folder, 'evaluated_masks.h5'))
  const volumes = volumesOf(resultsIn([folder]), 1)
  expect(await volumes.available()).toEqual({ layers: ['scan', 'truth', 'prediction'], missing: [], isGated: false })
  const path = join(root, 'evaluated.nii')
  writeFileSync(path, await volumes.bytes('prediction', 0))
  const { values } = readScan(path)
  for (const v of values.keys()) {
    const s = STORED.findIndex((_, each) => isInside(each, v))
    expect(values[v]).toBe(PREDICTED.indexOf(STORED[s]!) + 1)
  }
})

test('a sample that was evaluated as a patch is cut out of its scan', async () => {
  const folder = join(root, 'patches')
  mkdirSync(folder)
  const [head, line] = readFileSync(join(root, 'results', 'cases.csv'), 'utf8').split('\n')
  // patches of 16×16×16 of 16×24×16, half a patch apart: two for each of the two scans
  writeFileSync(join(folder, 'cases.csv'), `${head}\n${line!.replace(/^0/, '3')}\n`)
  const evaluated = { weights: 'm.pth', dataset: join(root, 'data'), split: 'test', patch_size: [16, 16, 16] }
  writeFileSync(join(folder, 'detailed_metrics.json'), JSON.stringify({ evaluated }))
  const volumes = volumesOf(resultsIn([folder]), 3)
  const [whole, patch] = [join(root, 'whole.nii'), join(root, 'patch.nii')]
  writeFileSync(whole, await volumesOf(results, 1).bytes('scan', 0))
  writeFileSync(patch, await volumes.bytes('scan', 0))
  const [all, cut] = [readScan(whole), readScan(patch)]
  expect(cut.size).toEqual([16, 16, 16])
  for (const v of cut.values.keys()) {
    const [h, w, d] = [v >> 8, ((v >> 4) & 15) + 8, v & 15]
    expect(cut.values[v]).toBe(all.values[(h * SIZE[1] + w) * SIZE[2] + d])
  }
})

test('data outside the folders of the board are not opened', async () => {
  const only = [join(root, 'results')]
  const volumes = volumesOf(resultsIn(only), 0, only)
  const { layers, missing } = await volumes.available()
  expect([layers, missing.join()]).toEqual([['prediction'], expect.stringMatching(/outside the folders of this board/)])
  await expect(volumes.bytes('scan', 0)).rejects.toThrow(/outside the folders of this board/)
})

test('a table that cannot be read is one line', () => {
  const folder = join(root, 'broken')
  mkdirSync(folder)
  writeFileSync(join(folder, 'presence.json'), '{"samples": [')
  expect(() => resultsIn([folder]).page).toThrow(/presence\.json:1:\d+: /)
})

test('CSV is read as it is written', () => {
  expect(csvRecords('a,b\n"1, ""x""\ny",\r\n2,3')).toEqual([
    { a: '1, "x"\ny', b: '' },
    { a: '2', b: '3' },
  ])
  expect(csvRecords('')).toEqual([])
})
