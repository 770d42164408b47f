import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dataOf, type Fold, imagesOf, labelsOf, layOut } from '../../bench/outcome/fold.ts'
import { foldsOf } from '../../bench/outcome/folds.ts'
import { runJob, StoppedError } from '../../bench/outcome/job.ts'
import { placeProbabilities, writeVolumes } from '../../bench/outcome/placed_probabilities.ts'
import { findScript } from '../../bench/outcome/python.ts'
import type { Outcome } from '../../bench/outcome/report.ts'
import { openLabelledScans } from '../../bench/outcome/scans.ts'
import { outcomeText, timeTo } from '../../bench/outcome/text.ts'
import { snapshotEpochs } from '../../bench/outcome/tool.ts'
import { ChildError } from '../../bench/processes.ts'
import { importScans } from '../../src/data/import/import.ts'
import { IMPORT_DEFAULTS } from '../../src/data/import/import_options.ts'
import { readNifti } from '../../src/data/scan/nifti/read.ts'
import type { Preparation } from '../../src/data/scan/preparation.ts'
import { scorePredictions } from '../../src/score/score.ts'
import { sizeOf } from '../../src/util/shape.ts'
import { writeLabelledScans } from './labelled_scans.ts'

const root = mkdtempSync(join(tmpdir(), 'sadaan-outcome-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const data = join(root, 'data')
const never = new AbortController().signal
let fold: Fold

beforeAll(() => {
  writeLabelledScans(data, 6)
  const scans = openLabelledScans(data)
  const heldOut = foldsOf(scans, 3, 42)[1]!
  const train = scans.scans.filter(scan => !heldOut.includes(scan))
  fold = layOut({ index: 1, folder: join(root, 'fold'), scans, train, heldOut, curve: heldOut.slice(0, 1) })
})

test('folds share the scans out, the same for the same seed', () => {
  const scans = openLabelledScans(data)
  const folds = foldsOf(scans, 4, 42)
  expect(folds.map(each => each.length).sort()).toEqual([1, 1, 2, 2])
  expect(new Set(folds.flat())).toEqual(new Set(scans.scans))
  expect(foldsOf(scans, 4, 42)).toEqual(folds)
  expect(foldsOf(scans, 4, 43)).not.toEqual(folds)
  expect(() => foldsOf(scans, 7, 42)).toThrow(/6 subjects, expected at least one for each of 7 folds$/)
})

test('the dataset of a fold imports as its training scans, those of the curve and the other held-out ones', async () => {
  const options = { ...IMPORT_DEFAULTS, sources: [{ images: dataOf(fold) }], spacing: [1, 1, 1] as const }
  const { splits, warnings } = await importScans({ ...options, outputDir: join(root, 'dataset') })
  const names = (scans: Fold['train']): string[] => scans.map(({ name }) => name)
  expect(splits.train.subjects.sort()).toEqual(names(fold.train))
  expect(splits.val.subjects).toEqual(names(fold.curve))
  expect(splits.test.subjects).toEqual(names(fold.heldOut.slice(1)))
  expect(warnings).toEqual([])
})

test('probabilities on the grid of a dataset become label maps on that of each scan', async () => {
  const preparation: Preparation = {
    orientation: 'RAS',
    frame: { kind: 'spacing', spacing_mm: [1, 1, 1] },
    image_size: [16, 32, 16],
    intensity: [{ kind: 'window', low: 0, high: 255 }],
  }
  const [volumes, probabilities] = [join(root, 'volumes'), join(root, 'probabilities')]
  const places = writeVolumes(imagesOf(fold, 'heldOut'), preparation, volumes)
  expect(places.map(({ name }) => name)).toEqual(fold.heldOut.map(({ name }) => name))
  const images = new Float32Array(readFileSync(volumes).buffer.slice(0))
  const voxels = sizeOf(preparation.image_size)
  expect(images).toHaveLength(places.length * voxels)
  // the labels are 100 and 200 in the image, and noise below 20 is added
  const classes = places.flatMap((_, n) => {
    const image = images.subarray(n * voxels, (n + 1) * voxels)
    return [0, 1, 2].map(c => Float32Array.from(image, value => Number(Math.floor(value / 100) === c)))
  })
  writeFileSync(probabilities, Buffer.concat(classes.map(each => new Uint8Array(each.buffer))))
  placeProbabilities(places, probabilities, [1, 2], join(root, 'placed'))
  for (const { name, label } of fold.heldOut)
    expect(readNifti(join(root, 'placed', `${name}.nii.gz`)).values).toEqual(readNifti(label).values)
  const score = await scorePredictions({ predictions: join(root, 'placed'), labels: labelsOf(fold, 'heldOut') })
  expect(score.segmentation_overall.mean_dice).toBeCloseTo(1, 5)
})

test('models are saved at equal distances, the last at the end', () => {
  expect(snapshotEpochs(100, 4)).toEqual([25, 50, 75, 100])
  expect(snapshotEpochs(7, 3)).toEqual([2, 5, 7])
  expect(snapshotEpochs(2, 16)).toEqual([1, 2])
})

const outcome: Outcome = {
  ...{ tool: 'ours', settings: '--spacing 1.5', fold: 0, seed: 1, device: 'cpu', seconds: 60, epochs: 3 },
  ...{ samples_per_s: 2, peak_bytes: null, dice: 0.86, weights: 'last.pth', cases: [] },
  structures: { back: { dice: 0.87, hd95: 1.5 }, front: { dice: 0.85, hd95: null } },
  curve: [
    { seconds: 20, dice: 0.7 },
    { seconds: 40, dice: 0.8 },
    { seconds: 60, dice: 0.84 },
  ],
}

test('the table says when a model first was good enough, and what was not measured', () => {
  expect(timeTo(0.8, outcome)).toBe(40)
  expect(timeTo(0.85, outcome)).toBeUndefined()
  const missing = [{ tool: 'monai' as const, reason: 'no Python given' }]
  const text = outcomeText({ data, minutes: 1, folds: 5, fold_seed: 42, outcomes: [outcome], missing })
  const [head, row] = text.split('\n').slice(1)
  const cells = (line: string): string[] => line.trim().split(/ {2,}/)
  expect(cells(head!)).toContain('HD95 back')
  expect(cells(row!)).toEqual(
    expect.arrayContaining(['0.8700', '0.8500', '0.8600', '1.50', '0.7', 'not reached', '1.0']),
  )
  expect(text).toMatch(/not measured: monai: no Python given$/)
})

test('a Python without the packages is not taken, and the reason is given', async () => {
  const found = await findScript('monai_unet.py', [join(root, 'no-python')])
  expect(found).toEqual({ reasons: [expect.stringMatching(/no-python: .*ENOENT/)] })
})

const run = (script: string, stop: AbortSignal = never) =>
  runJob<{ answer: number }>({
    program: process.execPath,
    parameters: ['-e', script],
    log: join(root, 'job.log'),
    stop,
  })

test('a job gives its last line, its time and its memory, with that of its children; what it prints is kept', async () => {
  const child = 'const b = Buffer.alloc(3e8, 1); setTimeout(() => b[0], 2500)'
  const script = `console.log('first'); require('node:child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(child)}]); console.log('{"answer":42}')`
  const { value, seconds, peak_bytes } = await run(script)
  expect(value).toEqual({ answer: 42 })
  expect(seconds).toBeGreaterThan(0)
  if (existsSync('/proc/self/smaps_rollup')) expect(peak_bytes).toBeGreaterThan(3e8)
  expect(readFileSync(join(root, 'job.log'), 'utf8')).toContain('first')
})

test('a job that fails is reported with its last line; one that is stopped ends, with its children', async () => {
  await expect(run("console.error('out of memory'); process.exit(3)")).rejects.toThrow(ChildError)
  await expect(run("console.error('out of memory'); process.exit(3)")).rejects.toThrow(/ended with 3: out of memory/)
  await expect(run("console.log('no JSON')")).rejects.toThrow(/expected JSON in its last line/)
  const controller = new AbortController()
  const ended = run('setInterval(() => undefined, 1000)', controller.signal)
  controller.abort()
  await expect(ended).rejects.toThrow(StoppedError)
})
