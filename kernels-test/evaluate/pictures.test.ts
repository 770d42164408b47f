import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { DetailedMetrics } from '../../src/report/detailed_metrics.ts'
import { FIGURE_NAMES } from '../../src/report/figures/frame.ts'
import { RESULTS_LIST, ResultFolder } from '../../src/util/files/result_folder.ts'
import { type Finished, run } from '../cli/command.ts'
import { temporaryDirectory, writeMetadata, writeSplit } from '../data/small_dataset.ts'
import { writeUntrainedModel } from '../docs/untrained_model.ts'
import { readPage } from '../report/page/read_html.ts'
import { PNG_SIGNATURE, pngSize } from '../report/read_svg.ts'

const folder = temporaryDirectory()
const names = ['left_lung', '<b>heart</b>']
const imageSize: [number, number, number] = [32, 16, 16]
mkdirSync(join(folder, 'data'))
for (const split of ['train', 'val', 'test'])
  await writeSplit(join(folder, 'data', `${split}.h5`), { samples: 4, structures: names.length, imageSize })
writeMetadata(join(folder, 'data'), { structure_names: names, image_size: imageSize })
writeUntrainedModel(join(folder, 'model.pth'), join(folder, 'data'))

function evaluate(output: string, ...words: string[]): Promise<Finished> {
  const adapter = process.env.SADAAN_ADAPTER === undefined ? [] : [`compute.adapter='${process.env.SADAAN_ADAPTER}'`]
  const files = ['--weights', 'model.pth', '--dataset', 'data', '--output', output]
  return run(['evaluate', ...files, ...words, 'with', 'training.batch_size=2', ...adapter], folder)
}

const FIGURES = [RESULTS_LIST, 'cases.csv', 'detailed_metrics.json', 'evaluation_report.txt']

test('evaluate draws every picture, all of them on one page; without pictures there are only figures', async () => {
  // a picture that cannot be written is warned of
  mkdirSync(join(folder, 'seen', 'comprehensive_analysis_sample_1.png', 'in the way'), { recursive: true })
  // what an earlier evaluation drew goes, more samples too; what somebody else put there stays
  mkdirSync(join(folder, 'unseen'))
  const older = ['comprehensive_analysis_sample_3.png', 'segmentation_analysis_sample_12.png']
  for (const output of ['seen', 'unseen']) {
    const written = new ResultFolder(join(folder, output))
    for (const name of ['detailed_metrics.json', 'report.html', ...older]) written.write(name, [])
    writeFileSync(join(folder, output, 'mine_sample_3.png'), '')
  }
  const [seen, unseen] = await Promise.all([
    evaluate('seen', '--pictures', '2', '--json'),
    evaluate('unseen', '--no-pictures'),
  ])
  expect(seen.stderr).toMatch(/warning: seen: would replace comprehensive_analysis_sample_1\.png, /)
  expect([seen.code, unseen.code]).toEqual([0, 0])
  const titles = readFileSync(join(folder, 'seen', 'report.html'), 'utf8').matchAll(/<bdi>test sample (\d)/g)
  const samples = [...titles].flatMap(([, n]) => [
    `comprehensive_analysis_sample_${n}.png`,
    `segmentation_analysis_sample_${n}.png`,
  ])
  expect(samples).toHaveLength(4)
  const pictures = ['attention_maps_overview.png', ...samples, ...FIGURE_NAMES.map(name => `${name}.png`)]
  const files = [...FIGURES, ...pictures, 'report.html', 'mine_sample_3.png']
  expect(readdirSync(join(folder, 'seen')).sort()).toEqual(files.sort())
  expect(readdirSync(join(folder, 'unseen')).sort()).toEqual([...FIGURES, 'mine_sample_3.png'].sort())
  const told = JSON.parse(seen.stdout) as { pictures: string[] }
  const isDrawn = (name: string): boolean => name !== 'comprehensive_analysis_sample_1.png'
  expect(told.pictures.map(path => path.split('/').at(-1)).sort()).toEqual(
    [...pictures, 'report.html'].filter(isDrawn).sort(),
  )
  for (const name of pictures.filter(isDrawn)) {
    const { signature, width } = pngSize(readFileSync(join(folder, 'seen', name)))
    expect([name, signature, width > 500]).toEqual([name, PNG_SIGNATURE, true])
  }
  const html = readFileSync(join(folder, 'seen', 'report.html'), 'utf8')
  const { elements, text } = readPage(html)
  expect(elements.filter(name => name === 'figure')).toHaveLength(4 + 4 + 1)
  expect(text).toContain('<b>heart</b>')
  const { segmentation_overall } = JSON.parse(
    readFileSync(join(folder, 'unseen', 'detailed_metrics.json'), 'utf8'),
  ) as DetailedMetrics
  expect(text).toContain(segmentation_overall.mean_dice!.toFixed(3))
})

test('analysis compares what evaluate wrote, and says which file is none', async () => {
  const metrics = join('unseen', 'detailed_metrics.json')
  const splits = ['--train', metrics, '--val', metrics, '--test', metrics]
  writeFileSync(join(folder, 'note.txt'), 'no JSON')
  const [good, bad] = await Promise.all([
    run(['analysis', ...splits, '--output', 'compared', '--json'], folder),
    run(['analysis', ...splits.with(3, 'note.txt'), '--output', 'nothing'], folder),
  ])
  expect([good.code, bad.code]).toEqual([0, 2])
  expect(bad.stderr).toBe('sadaan-gpu: note.txt:1:1: found no, expected a JSON value\n')
  expect(readdirSync(folder)).not.toContain('nothing')
  const files = [
    RESULTS_LIST,
    'analysis_report.txt',
    'dice_by_split.png',
    'generalisation_gap.png',
    'overall_comparison.png',
    'presence_by_split.png',
  ]
  expect(readdirSync(join(folder, 'compared')).sort()).toEqual(files)
  const { findings } = JSON.parse(good.stdout) as { findings: string[] }
  expect(readFileSync(join(folder, 'compared', 'analysis_report.txt'), 'utf8')).toContain(findings[0])
})
