import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Hdf5Writer } from '../../src/data/hdf5/writer.ts'
import type { DetailedMetrics } from '../../src/report/detailed_metrics.ts'
import { run } from '../cli/command.ts'
import { temporaryDirectory, writeMetadata } from '../data/small_dataset.ts'
import { writeUntrainedModel } from '../docs/untrained_model.ts'
import { groupsOf, textsOf } from '../report/read_svg.ts'
import { htmlTables, textTable } from './read_tables.ts'

// Every figure of one evaluation, wherever it is written. The right structure is absent from all samples, and at the threshold the left
// one is never predicted present, so that gated and other Dice differ and as much as possible is undefined.

const SAMPLES = 6
const SIZE: [number, number, number] = [32, 16, 16]
const NAMES = ['left_a', 'right_a']
const folder = temporaryDirectory()
const data = join(folder, 'data')
mkdirSync(data)
for (const split of ['train', 'val', 'test']) await writeBoxes(join(data, `${split}.h5`))
writeMetadata(data, { structure_names: NAMES, image_size: SIZE })
writeUntrainedModel(join(folder, 'model.pth'), data)
const adapter = process.env.SADAAN_ADAPTER === undefined ? [] : [`compute.adapter='${process.env.SADAAN_ADAPTER}'`]
const files = ['--weights', 'model.pth', '--dataset', 'data', '--output', 'results', '--pictures', '2']
const words = ['training.batch_size=2', 'model.presence_threshold=0.9999', ...adapter]
const told = await run(['evaluate', ...files, 'with', ...words], folder)
expect(told.code, told.stderr).toBe(0)
const read = (name: string): string => readFileSync(join(folder, 'results', name), 'utf8')
const metrics = JSON.parse(read('detailed_metrics.json')) as DetailedMetrics
const [report, page] = [read('evaluation_report.txt'), read('report.html')]
const cases = casesOf(read('cases.csv'))

/** A box of the left structure, longer from sample to sample; none of the right one. */
async function writeBoxes(path: string): Promise<void> {
  const voxels = SIZE[0] * SIZE[1] * SIZE[2]
  const writer = await Hdf5Writer.create(path, [
    { name: 'images', kind: 'float32', rowShape: SIZE },
    { name: 'masks', kind: 'bool', rowShape: [NAMES.length, ...SIZE] },
    { name: 'presence_labels', kind: 'int64', rowShape: [NAMES.length] },
    { name: 'voxel_spacing', kind: 'float32', rowShape: [3] },
  ])
  for (let n = 0; n < SAMPLES; n++) {
    const masks = new Uint8Array(NAMES.length * voxels).map((_, v) => {
      const [h, w, d] = [Math.floor(v / 256), Math.floor(v / 16) % 16, v % 16]
      return Number(h >= 4 && h < 10 + 2 * n && w >= 3 && w < 12 && d >= 4 && d < 9)
    })
    const image = Float32Array.from({ length: voxels }, (_, v) => ((v * 7) % 40) + 150 * masks[v]! + n)
    writer.append('images', image)
    writer.append('masks', masks)
    writer.append('presence_labels', BigInt64Array.of(1n, 0n))
    writer.append('voxel_spacing', Float32Array.of(2, 2, 3))
  }
  writer.writeStrings('subjects', subjects())
  writer.writeStrings('scenarios', new Array<string>(SAMPLES).fill('case'))
  await writer.finish()
}

function subjects(): string[] {
  return Array.from({ length: SAMPLES }, (_, n) => `subject ${n}`)
}

function casesOf(csv: string): Record<string, string>[] {
  const [header, ...rows] = csv
    .trimEnd()
    .split('\n')
    .map(line => line.split(','))
  return rows.map(row => Object.fromEntries(header!.map((name, i) => [name, row[i]!])))
}

const shown = (value: number | null, digits: number): string => (value === null ? '–' : value.toFixed(digits))
const meanOf = (values: readonly string[]): number | null => {
  const defined = values.filter(value => value !== '').map(Number)
  return defined.length ? defined.reduce((sum, value) => sum + value, 0) / defined.length : null
}

test('a structure without a positive has no precision, recall or F1: null', () => {
  expect(metrics.presence_per_structure.right_a).toMatchObject({
    accuracy: 1,
    precision: null,
    recall: null,
    f1_score: null,
    true_negatives: SAMPLES,
    auc_roc: null,
    auc_pr: null,
  })
  // none was predicted present: recall and F1 are 0, precision is 0/0
  expect(metrics.presence_per_structure.left_a).toMatchObject({ precision: null, recall: 0, f1_score: 0 })
  expect(metrics.segmentation_per_structure.right_a).toMatchObject({ mean_dice: null, num_samples: 0 })
  expect(metrics.segmentation_overall.num_structures).toMatchObject({ mean_dice: 1, mean_iou: 1 })
})

test('presence of each structure is the same in JSON, text, page and figure', () => {
  const inText = textTable(report, 'precision')
  const onPage = htmlTables(page).get('Presence metrics of each structure')!
  const figure = groupsOf(figureWith('Presence, test'), 'data-row')
  for (const name of NAMES) {
    const own = metrics.presence_per_structure[name]!
    const absence = metrics.absence_per_structure[name]!
    const shares = [own.accuracy, own.precision, own.recall, own.f1_score, own.auc_roc, own.auc_pr]
    const counts = [own.true_positives, own.true_negatives, own.false_positives, own.false_negatives]
    const both = [absence.sensitivity, absence.specificity]
    expect(inText.get(name)).toEqual([...shares.map(value => shown(value, 4)), ...counts.map(String)])
    expect(textTable(report, 'sensitivity').get(name)).toEqual([
      `${absence.num_absent}`,
      shown(absence.sensitivity, 4),
      `${absence.num_present}`,
      shown(absence.specificity, 4),
    ])
    expect(onPage.get(name)!.map(({ value }) => value)).toEqual([...shares, ...counts, ...both])
    expect(onPage.get(name)!.map(({ text }) => text)).toEqual([
      ...shares.map(value => shown(value, 3)),
      ...counts.map(String),
      ...both.map(value => shown(value, 3)),
    ])
    const [said, ...cells] = textsOf(figure.get(name)!)
    expect([said, ...cells]).toEqual([
      name,
      ...[...shares, ...both].map(value => shown(value, 3)),
      `${own.support_positive} / ${own.support_negative}`,
    ])
    // an undefined value has no dot
    expect(figure.get(name)!.match(/<circle/g)).toHaveLength(
      [...shares, ...both].filter(value => value !== null).length,
    )
  }
})

test('overlap, distances and volumes are the same in JSON, text, page and CSV', () => {
  const onPage = htmlTables(page).get('Means over the samples in which a structure is present')!
  for (const name of NAMES) {
    const own = metrics.segmentation_per_structure[name]!
    const rows = cases.filter(row => row.structure === name)
    const interval = metrics.confidence_intervals.dice_per_structure[name]
    const of = (column: string): number | null => meanOf(rows.map(row => row[column]!))
    for (const [column, value] of [
      ['dice', own.mean_dice],
      ['iou', own.mean_iou],
      ['precision', own.mean_precision],
      ['recall', own.mean_recall],
      ['hd95', own.mean_hd95],
      ['surface_distance', own.mean_surface_distance],
    ] as const)
      if (value === null) expect(of(column), column).toBeNull()
      else expect(of(column), column).toBeCloseTo(value, 9)
    const overlap = [own.mean_iou, own.std_iou, own.mean_precision, own.mean_recall]
    expect(textTable(report, '95 % interval').get(name)).toEqual([
      `${own.num_samples}`,
      shown(own.mean_dice, 4),
      shown(own.std_dice, 4),
      interval ? `[${interval.map(end => end.toFixed(4)).join(', ')}]` : '–',
      ...overlap.map(value => shown(value, 4)),
    ])
    expect(textTable(report, 'not found').get(name)).toEqual([
      `${own.num_surfaces}`,
      ...[own.mean_hd95, own.std_hd95, own.mean_surface_distance, own.std_surface_distance].map(v => shown(v, 2)),
      ...[own.mean_volume_error, own.mean_absolute_volume_error].map(value => shown(value, 4)),
      `${own.num_empty_predictions}`,
    ])
    const values = onPage.get(name)!.map(({ value }) => value)
    expect(values.toSpliced(5, 1)).toEqual([
      ...[own.num_samples, own.num_empty_predictions, own.num_surfaces, own.mean_dice, own.std_dice],
      ...[own.mean_iou, own.mean_precision, own.mean_recall, own.mean_hd95, own.mean_surface_distance],
      ...[own.mean_volume_error, own.mean_absolute_volume_error],
    ])
    expect(onPage.get(name)![5]!.text).toBe(interval ? interval.map(end => end.toFixed(3)).join('–') : '–')
  }
  const gated = cases.filter(row => row.structure === 'left_a').map(row => row.gated_dice!)
  expect(meanOf(gated)).toBeCloseTo(metrics.segmentation_overall_gated.mean_dice!, 12)
  expect(metrics.segmentation_overall.mean_dice! - metrics.segmentation_overall_gated.mean_dice!).toBeGreaterThan(0.001)
})

test('what the console sums up stands in the report, and the main metrics on the page', () => {
  const summary = told.stderr
    .split('\n')
    .filter(line => /^(presence|absence|masks|gated|surfaces|volumes| {10})/.test(line))
  expect(summary.length).toBeGreaterThan(8)
  for (const line of summary) expect(report.split('\n')).toContain(line)
  const { segmentation_overall: masks, confidence_intervals: intervals, presence_calibration: calibration } = metrics
  const [low, high] = intervals.mean_dice!.map(end => end.toFixed(4))
  expect(summary.join('\n')).toContain(`Dice ${shown(masks.mean_dice, 4)} [${low}, ${high}]`)
  expect(summary.join('\n')).toContain('means over 1 of 2 structures, those that occur')
  const cards = new Map(
    [...page.matchAll(/<div class="card"><h3>([^<]*)<\/h3><p class="value">(.*?)<\/p>/g)].map(([, title, value]) => [
      title,
      value!.replace(/<small>.*/, '').replace(/<[^>]*>/g, ''),
    ]),
  )
  expect(Object.fromEntries(cards)).toEqual({
    'Presence accuracy': shown(metrics.presence_overall_accuracy, 3),
    'Absence sensitivity': shown(metrics.absence_overall.sensitivity, 3),
    'Absence specificity': shown(metrics.absence_overall.specificity, 3),
    'Mean Dice': shown(masks.mean_dice, 3),
    'Mean Dice, gated': shown(metrics.segmentation_overall_gated.mean_dice, 3),
    'Mean IoU': shown(masks.mean_iou, 3),
    HD95: shown(masks.mean_hd95, 2),
    'Surface distance': shown(masks.mean_surface_distance, 2),
    'Calibration error': shown(calibration.expected_calibration_error, 3),
  })
})

test('calibration and scenarios are the same in JSON, text and page', () => {
  const { bins } = metrics.presence_calibration
  const onPage = [...htmlTables(page).get('Known pairs by predicted probability of presence')!.values()]
  expect(onPage.map(row => row.map(({ value }) => value))).toEqual(
    bins.map(({ count, mean_probability, share_present }) => [count, mean_probability, share_present]),
  )
  const filled = bins.filter(({ count }) => count > 0)
  expect([...textTable(report, 'pairs').values()]).toEqual(
    filled.map(bin => [`${bin.count}`, shown(bin.mean_probability, 4), shown(bin.share_present, 4)]),
  )
  const { accuracy, num_samples, avg_structures_present, avg_structures_predicted } = metrics.scenario_based.case!
  const inText = [
    `${num_samples}`,
    accuracy.toFixed(4),
    ...[avg_structures_present, avg_structures_predicted].map(v => v.toFixed(2)),
  ]
  expect(textTable(report, 'predicted').get('case')).toEqual(inText)
  expect(
    htmlTables(page)
      .get('Results by scenario')!
      .get('case')!
      .map(({ value }) => value),
  ).toEqual([num_samples, accuracy, avg_structures_present, avg_structures_predicted])
})

test('a sample has one number and one Dice: in titles, names of files, tables and cases.csv', () => {
  const titles = [...page.matchAll(/<h3><bdi>(test sample [^<]*)<\/bdi><\/h3>/g)].map(([, title]) => title!)
  expect(titles).toHaveLength(2)
  const numbers = titles.map(title => Number(/sample (\d+)/.exec(title)![1]))
  const written = readdirSync(join(folder, 'results')).filter(name => /analysis_sample_/.test(name))
  const kinds = ['comprehensive_analysis', 'segmentation_analysis']
  expect(written.sort()).toEqual(kinds.flatMap(kind => numbers.map(number => `${kind}_sample_${number}.png`)).sort())
  for (const [i, title] of titles.entries()) {
    const rows = cases.filter(row => row.sample === `${numbers[i]}`)
    const dice = Number(rows[0]!.gated_dice).toFixed(3)
    expect(title).toContain(`test sample ${numbers[i]}, subject ${numbers[i]}, case, mean Dice ${dice} (gated)`)
    expect(rows.map(({ subject }) => subject)).toEqual(NAMES.map(() => `subject ${numbers[i]}`))
    const [three, each] = svgsAfter(title)
    const table = groupsOf(groupsOf(three!, 'data-table').get('presence')!, 'data-structure')
    expect(textsOf(table.get('left_a')!).at(-1)).toBe(dice)
    expect(textsOf(table.get('right_a')!).at(-1)).toBe('–')
    expect(textsOf(groupsOf(each!, 'data-structure').get('left_a')!)).toContain(`Dice ${dice}`)
    expect(textsOf(three!)).toContain('presence predicted correctly for 1 of 2 structures; voxels of 2 × 2 × 3 mm')
  }
  // the table of cases is about masks without the gate, as the column of the same name is
  const [subject, sample, , , probability, dice] = htmlTables(page)
    .get('Lowest Dice among present structures')!
    .get('left_a')!
  const row = cases.find(each => each.sample === sample!.text && each.structure === 'left_a')!
  expect([subject!.text, probability!.value, dice!.value]).toEqual([
    row.subject,
    Number(row.presence_probability),
    Number(row.dice),
  ])
})

/** The picture on the page with this text. */
function figureWith(title: string): string {
  const svg = [...page.matchAll(/<svg role="img"[\s\S]*?<\/figure>/g)].map(([each]) => each)
  return svg.find(each => textsOf(each).includes(title))!
}

/** The pictures below the title of a sample. */
function svgsAfter(title: string): string[] {
  const from = page.slice(page.indexOf(`<bdi>${title}</bdi></h3>`))
  return [...from.matchAll(/<svg role="img"[\s\S]*?<\/figure>/g)].map(([each]) => each).slice(0, 2)
}
