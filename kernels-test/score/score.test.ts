import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { writeNifti } from '../../src/data/scan/nifti/writer.ts'
import type { ScoredPair } from '../../src/report/score.ts'
import { type Score, scorePredictions } from '../../src/score/score.ts'
import { writeJson } from '../../src/util/whole_file.ts'
import { run } from '../cli/command.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { maskCases } from '../evaluate/mask_cases.ts'
import { affineOf, blocks, SIZE, SPACING, writeDatasetJson, writeLabels } from './made_scans.ts'

const root = temporaryDirectory()
let folders = 0

/** Two new folders. */
function pair(): { labels: string; predictions: string } {
  const folder = join(root, String(++folders))
  return { labels: join(folder, 'labels'), predictions: join(folder, 'predictions') }
}

function caseOf({ cases }: Score, scan: string, structure: string): ScoredPair {
  return cases.find(each => each.scan === scan && each.structure === structure)!
}

const two = [
  { name: 'one', marks: [1] },
  { name: 'two', marks: [2] },
]

describe('one scan', () => {
  const known = maskCases.filter(({ truth }) => truth.includes(1))
  test.each(known.map(each => [each.name, each] as const))('%s: as MONAI and scikit-learn', async (_, each) => {
    const { labels, predictions } = pair()
    const grid = { size: [...each.size] as [number, number, number], affine: affineOf(each.spacing) }
    for (const [folder, mask] of [[labels, each.truth] as const, [predictions, each.predicted] as const])
      writeNifti(
        writeLabels(join(folder, 'a.nii.gz'), () => 0),
        mask,
        grid,
      )
    const score = await scorePredictions({ labels, predictions, structures: two.slice(0, 1) })
    const found = caseOf(score, 'a', 'one')
    for (const [key, value] of Object.entries(each.expected)) {
      const measured = found[key as keyof ScoredPair] as number | null
      if (value === null) expect(measured, key).toBeNull()
      else expect(measured, key).toBeCloseTo(value, 4)
    }
    expect(score.num_scans).toBe(1)
  })

  test('volumes are millilitres of its own voxels, and absence is what evaluate calls it', async () => {
    const { labels, predictions } = pair()
    writeLabels(join(labels, 'a.nii.gz'), blocks(30, 0))
    writeLabels(join(predictions, 'a.nii.gz'), blocks(20, 8))
    writeLabels(join(labels, 'b.nii.gz'), blocks(0, 12))
    writeLabels(join(predictions, 'b.nii.gz'), () => 0)
    const score = await scorePredictions({ labels, predictions, structures: two })
    const [found, imagined] = [caseOf(score, 'a', 'one'), caseOf(score, 'a', 'two')]
    expect(found).toMatchObject({ present: 1, predicted_present: 1, true_voxels: 30, predicted_voxels: 20 })
    expect(found.dice).toBeCloseTo(0.8, 6)
    expect(found.true_volume_ml).toBeCloseTo(0.03, 12)
    expect(imagined).toMatchObject({ present: 0, predicted_present: 1, dice: null, hd95: null, precision: null })
    expect(caseOf(score, 'b', 'one')).toMatchObject({ present: 0, predicted_present: 0, dice: null })
    const missed = caseOf(score, 'b', 'two')
    expect(missed).toMatchObject({ present: 1, predicted_present: 0, hd95: null, precision: null, recall: 0 })
    expect(missed.dice).toBeCloseTo(0, 6)
    expect(score.presence_overall_accuracy).toBe(0.5)
    expect(score.absence_overall).toStrictEqual({ sensitivity: 0.5, specificity: 0.5, num_absent: 2, num_present: 2 })
    expect(score.false_volume_per_structure.two).toStrictEqual({ mean_ml: 0.008, num_absent: 1, num_predicted: 1 })
    expect(score.segmentation_per_structure.two!.num_empty_predictions).toBe(1)
    expect(score.segmentation_overall.mean_dice).toBeCloseTo(0.4, 6)
    expect(score.presence_per_structure.one!.auc_roc, 'a mask has no probability').toBeNull()
  })
})

describe('files', () => {
  test('folders of masks, dataset.json, and what predict writes', async () => {
    const { labels, predictions } = pair()
    writeDatasetJson(labels, { background: 0, liver: 1, tumour: [2] })
    writeLabels(join(labels, 'labelsTr', 'a.nii.gz'), blocks(30, 10))
    writeLabels(join(labels, 'labelsTr', 'b.nii.gz'), blocks(9, 0))
    for (const [scan, first, second] of [
      ['a', 30, 5],
      ['b', 10, 0],
    ] as const) {
      writeLabels(join(predictions, scan, 'masks', 'liver.nii.gz'), v => Number(v < first))
      writeLabels(join(predictions, scan, 'masks', 'tumour.nii.gz'), v => Number(v >= first && v < first + second))
    }
    const structure = (presence_probability: number) => ({
      presence_probability,
      present: presence_probability > 0.5,
    })
    const structures = { liver: structure(0.9), tumour: structure(0.7) }
    writeJson(join(predictions, 'presence.json'), {
      structure_names: ['liver', 'tumour'],
      samples: ['a', 'b'].map((scan, sample) => ({ sample, scan, structures })),
      failed: [],
    })
    const own = await scorePredictions({ labels, predictions })
    expect(own.structure_names).toStrictEqual(['liver', 'tumour'])
    expect(caseOf(own, 'b', 'tumour')).toMatchObject({
      present: 0,
      predicted_present: 1, // the model says so, though the mask is empty
      presence_probability: 0.7,
    })
    const masks = { a: join(predictions, 'a', 'masks'), b: join(predictions, 'b', 'masks') }
    const plain = pair().predictions
    for (const [scan, folder] of Object.entries(masks))
      for (const name of ['liver', 'tumour']) {
        const path = writeLabels(join(plain, scan, `${name}.nii.gz`), () => 0)
        writeFileSync(path, readFileSync(join(folder, `${name}.nii.gz`)))
      }
    const others = await scorePredictions({ labels: join(labels, 'labelsTr'), predictions: plain })
    expect(others.segmentation_per_structure).toStrictEqual(own.segmentation_per_structure)
    expect(caseOf(others, 'b', 'tumour').predicted_present).toBe(0)
    const single = { labels: join(labels, 'labelsTr', 'a.nii.gz'), predictions: masks.a }
    const named = [
      { name: 'liver', marks: [1] },
      { name: 'tumour', marks: [2] },
    ]
    expect((await scorePredictions({ ...single, structures: named })).cases).toMatchObject([
      { scan: 'a', dice: 1 },
      { scan: 'a', true_voxels: 10, predicted_voxels: 5 },
    ])
  })

  test('voxels that were not annotated count nowhere', async () => {
    const { labels, predictions } = pair()
    writeDatasetJson(labels, { background: 0, liver: 1, tumour: 2, ignore: 3 }, { channel_names: { 0: 'CT' } })
    writeLabels(join(labels, 'labelsTr', 'a.nii.gz'), v => (v < 30 ? 1 : v < 60 ? 3 : 0))
    writeLabels(join(predictions, 'a.nii.gz'), v => Number(v < 50))
    const { cases } = await scorePredictions({ labels, predictions })
    expect(cases).toHaveLength(1) // the tumour may be where nobody looked
    expect(cases[0]).toMatchObject({ structure: 'liver', predicted_voxels: 30, dice: 1 })
  })

  test('without names every value is one', async () => {
    const { labels, predictions } = pair()
    writeLabels(join(labels, 'a.nii.gz'), v => (v < 9 ? 7 : 0))
    writeLabels(join(predictions, 'a.nii.gz'), v => (v < 9 ? 7 : 0))
    expect((await scorePredictions({ labels, predictions })).structure_names).toStrictEqual(['label_7'])
  })

  test.each<[string, (labels: string, predictions: string) => void, RegExp]>([
    [
      'another size',
      (_, predictions) => writeLabels(join(predictions, 'a.nii.gz'), () => 1, { size: [6, 5, 8] }),
      /^\S+a\.nii\.gz: has 6×5×8 voxels, \S+a\.nii\.gz has 6×5×7; expected the same grid$/,
    ],
    [
      'another place',
      (_, predictions) =>
        writeLabels(join(predictions, 'a.nii.gz'), () => 1, { affine: affineOf(SPACING, [-3, 7, 12]) }),
      /lie up to 1\.0 mm from those of \S+ \(their affines differ\); expected the same grid$/,
    ],
    [
      'another spacing',
      (_, predictions) => writeLabels(join(predictions, 'a.nii.gz'), () => 1, { affine: affineOf([1.1, 2, 0.5]) }),
      /affines differ/,
    ],
    ['no prediction', (_, predictions) => writeLabels(join(predictions, 'c.nii.gz'), () => 1), /no prediction has the/],
    [
      'a missing prediction',
      (labels, predictions) => {
        writeLabels(join(predictions, 'a.nii.gz'), () => 1)
        writeLabels(join(labels, 'b.nii.gz'), () => 1)
      },
      /holds no prediction for 1 of 2 labels in \S+ \(b\); --partial scores the others$/,
    ],
    [
      'a mask too few',
      (_, predictions) => writeLabels(join(predictions, 'a', 'one.nii.gz'), () => 1),
      /a: holds no mask of 'two', expected two\.nii\.gz$/,
    ],
  ])('%s is refused', async (_, write, message) => {
    const { labels, predictions } = pair()
    writeLabels(join(labels, 'a.nii.gz'), blocks(9, 9))
    write(labels, predictions)
    await expect(scorePredictions({ labels, predictions, structures: two })).rejects.toThrow(message)
  })
})

describe('against another score', () => {
  const { labels, predictions: better } = pair()
  const worse = pair().predictions
  /** Structure two is where it is in every second scan. */
  const found = (first: number, n: number) => (v: number) => (v < first ? 1 : n % 2 && v >= 40 && v < 60 ? 2 : 0)
  for (let n = 0; n < 8; n++) {
    writeLabels(join(labels, `p${n}_scan.nii.gz`), found(40, n))
    writeLabels(join(better, `p${n}_scan.nii.gz`), found(40 - n, n))
    writeLabels(join(worse, `p${n}_scan.nii.gz`), found(38 - 2 * n, n))
  }
  const request = { labels, structures: two, subjectPattern: '^(p\\d+)' }

  test('differences are over the same subjects', async () => {
    const other = await scorePredictions({ ...request, predictions: worse })
    const against = join(root, 'worse.json')
    writeJson(against, other)
    const { comparison, cases } = await scorePredictions({ ...request, predictions: better, against })
    const row = comparison!.differences.find(({ metric, structure }) => metric === 'dice' && structure === 'one')!
    expect(row).toMatchObject({ num_subjects: 8 })
    expect(row.p_value).toBeCloseTo(2 / 2 ** 8, 12)
    const own = cases.filter(({ structure }) => structure === 'one').map(({ dice }) => dice!)
    const [least, most] = row.interval!
    expect(row.difference).toBeCloseTo(row.mean - row.other_mean, 12)
    expect(row.mean).toBeCloseTo(own.reduce((sum, dice) => sum + dice, 0) / 8, 12)
    expect(least > 0 && least < row.difference && row.difference < most).toBe(true)
    const equal = comparison!.differences.find(({ metric, structure }) => metric === 'dice' && structure === 'two')!
    expect(equal).toMatchObject({ num_subjects: 4, difference: 0, p_value: null, interval: null })
    expect(comparison!.only_here).toStrictEqual([])
  })

  test('other labels are refused', async () => {
    const other = await scorePredictions({ ...request, predictions: worse })
    const against = join(root, 'moved.json')
    writeJson(against, { cases: other.cases.map(each => ({ ...each, true_voxels: each.true_voxels + 1 })) })
    await expect(scorePredictions({ ...request, predictions: better, against })).rejects.toThrow(
      /the label of p0_scan has 41 voxels of one, here 40; expected a score against the same labels/,
    )
  })

  test('the command prints tables or JSON, and writes it', async () => {
    const output = join(root, 'score.json')
    const words = ['score', '--labels', labels, '--predictions', better, '--structures', 'one=1,two=2']
    const first = await run([...words, '--output', output], root)
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(first.stdout).toMatch(/^subjects {2}8, 8 scans\nmasks {5}Dice 0\.\d{4} \[/)
    const second = await run([...words, '--against', output, '--json'], root)
    const { comparison, ...score } = JSON.parse(second.stdout)
    expect(score).toStrictEqual(JSON.parse(readFileSync(output, 'utf8')))
    expect(comparison.differences[0]).toMatchObject({ metric: 'dice', structure: null, difference: 0 })
    const again = await run([...words, '--seed', '1', '--output', output], root)
    expect(again.code).toBe(2)
    expect(again.stderr).toMatch(/score\.json: exists with other content/)
  })
})

test('the grid of made scans is odd', () => {
  expect((SIZE[0] * SIZE[1] * SIZE[2]) % 32).not.toBe(0)
})
