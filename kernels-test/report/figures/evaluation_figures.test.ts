import { expect, test } from 'vitest'
import { confusionFigure } from '../../../src/report/figures/confusion_figure.ts'
import type { EvaluationResults } from '../../../src/report/figures/frame.ts'
import { presenceFigure } from '../../../src/report/figures/presence_figure.ts'
import { scenarioFigure, wilson } from '../../../src/report/figures/scenario_figure.ts'
import { segmentationFigure } from '../../../src/report/figures/segmentation_figure.ts'
import { UNDEFINED } from '../../../src/report/page/html.ts'
import { presenceTables } from '../../../src/report/page/tables.ts'
import { attentionOverview, attentionRow } from '../../../src/report/sample/attention_overview.ts'
import { overlay } from '../../../src/report/sample/overlay.ts'
import { heatRange } from '../../../src/report/sample/slice_picture.ts'
import { structurePictures } from '../../../src/report/sample/structure_pictures.ts'
import { UNDEFINED as DASH } from '../../../src/util/statistics.ts'
import { madeEvaluation, madeSample, organNames } from '../made_evaluation.ts'
import { drawn, groupsOf, textsOf } from '../read_svg.ts'

function figuresOf(names: readonly string[], more: Parameters<typeof madeEvaluation>[1] = {}): EvaluationResults {
  const head = {
    weights: 'w.pth',
    dataset: 'd',
    split: 'test',
    samples: 40,
    size: [64, 64, 32],
    presenceThreshold: 0.5,
    adapter: 'a',
    warnings: [],
  }
  return { head, ...madeEvaluation(names, more) }
}

const usual = figuresOf(organNames(8))

test('presence: one row per structure with its metrics, the counts of the reliability diagram, both histograms', () => {
  const svg = presenceFigure(usual)
  const rows = groupsOf(svg, 'data-row')
  expect([...rows.keys()]).toEqual(organNames(8))
  const { heart } = usual.metrics.presence_per_structure
  const absence = usual.metrics.absence_per_structure.heart!
  const shares = [heart!.accuracy, heart!.precision, heart!.recall, heart!.f1_score, heart!.auc_roc, heart!.auc_pr]
  const all = [...shares, absence.sensitivity, absence.specificity].map(value => value!.toFixed(3))
  expect(textsOf(rows.get('heart')!)).toEqual([
    'heart',
    ...all,
    `${heart!.support_positive} / ${heart!.support_negative}`,
  ])
  const panels = groupsOf(svg, 'data-panel')
  const { bins, expected_calibration_error } = usual.metrics.presence_calibration
  const counts = bins.filter(({ count }) => count > 0)
  expect(panels.get('reliability')!.match(/<circle/g)).toHaveLength(counts.length)
  expect(textsOf(panels.get('reliability')!)).toEqual(expect.arrayContaining(counts.map(({ count }) => `${count}`)))
  expect(textsOf(panels.get('reliability')!)[1]).toContain(expected_calibration_error!.toFixed(3))
  const present = usual.cases.filter(row => row.present).length
  expect(textsOf(panels.get('probabilities')!)).toContain(`present (${present})`)
})

test('segmentation: one dot per case up to eighty, beyond that the worst', () => {
  const dotsOf = (figures: EvaluationResults): number => {
    const panel = groupsOf(segmentationFigure(figures), 'data-panel').get('Dice where the structure is present')!
    return panel.match(/h\.01/g)!.length
  }
  expect(dotsOf(usual)).toBe(usual.cases.filter(({ dice }) => dice !== null).length)
  expect(dotsOf(figuresOf(['liver'], { samples: 400 }))).toBe(20)
  const liver = usual.metrics.segmentation_per_structure.liver!
  const [low, high] = usual.metrics.confidence_intervals.dice_per_structure.liver!
  const said = `${liver.mean_dice!.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`
  expect(textsOf(segmentationFigure(usual))).toContain(said)
})

test('a fraction of nothing is undefined in the table of the page too', () => {
  const { metrics } = figuresOf(['liver'], { samples: 2, absent: 1, skill: 1 })
  expect(metrics.presence_per_structure.liver).toMatchObject({ true_negatives: 2, precision: null })
  const table = presenceTables(metrics).join('')
  expect(table.split(UNDEFINED)).toHaveLength(1 + 6) // precision, recall, F1, both areas, the specificity of absence
})

test('a structure that was not found shows in how many samples', () => {
  const { segmentation_per_structure: own } = usual.metrics
  const metrics = {
    ...usual.metrics,
    segmentation_per_structure: { ...own, liver: { ...own.liver!, num_empty_predictions: 3 } },
  }
  const rows = groupsOf(segmentationFigure({ ...usual, metrics }), 'data-structure')
  expect(textsOf(rows.get('liver')!)).toContain(`${own.liver!.num_samples} samples, 3 not found`)
})

test('scenarios with their Wilson interval, as published', () => {
  const svg = scenarioFigure(usual)
  expect([...groupsOf(svg, 'data-scenario').keys()]).toEqual(['normal', 'unilateral', 'multiple'])
  const [low, high] = wilson(0.5, 10)
  expect([low.toFixed(4), high.toFixed(4)]).toEqual(['0.2366', '0.7634'])
  expect(wilson(1, 1)[1]).toBe(1)
  expect(textsOf(scenarioFigure(figuresOf(['liver'], { scenarios: [] })))).toContain('The dataset names no scenarios.')
})

test('fewer than five samples: dots, but no quartiles and no intervals', () => {
  const row = (samples: number) => {
    const figures = figuresOf(['liver'], { samples, absent: 0, scenarios: ['normal'] })
    const none = { ...figures.metrics.confidence_intervals, dice_per_structure: { liver: null } }
    const svg = segmentationFigure({ ...figures, metrics: { ...figures.metrics, confidence_intervals: none } })
    const [dice] = groupsOf(svg, 'data-panel').values()
    const [accuracy] = groupsOf(scenarioFigure(figures), 'data-panel').values()
    return { boxes: dice!.match(/<rect[^>]*fill-opacity/g), dots: dice!.match(/h\.01/g), accuracy: accuracy! }
  }
  const [few, enough] = [row(4), row(5)]
  expect([few.boxes, few.dots!.length]).toEqual([null, 4])
  expect([enough.boxes!.length, enough.dots!.length]).toEqual([1, 5])
  expect(textsOf(few.accuracy).join()).not.toContain('(')
  expect(few.accuracy).not.toContain('stroke-opacity="0.35"')
  expect(textsOf(enough.accuracy).join()).toMatch(/\d\.\d{3} \(/)
})

test('an empty bin is a gap in the reliability diagram', () => {
  const { presence_calibration: calibration } = usual.metrics
  const bins = calibration.bins.map((bin, i) =>
    [1, 2, 5].includes(i)
      ? { ...bin, count: 4, mean_probability: bin.low + 0.05, share_present: 0.5 }
      : { ...bin, count: 0, mean_probability: null, share_present: null },
  )
  const metrics = { ...usual.metrics, presence_calibration: { ...calibration, bins } }
  const panel = groupsOf(presenceFigure({ ...usual, metrics }), 'data-panel').get('reliability')!
  expect(panel.match(/<circle/g)).toHaveLength(3)
  expect(/<path d="([^"]*)"/.exec(panel)![1]!.replace(/[^ML]/g, '')).toBe('MLM')
})

test('confusion matrices: counts of each structure, and their sum', () => {
  const blocks = groupsOf(confusionFigure(usual), 'data-structure')
  expect([...blocks.keys()]).toEqual(['all structures', ...organNames(8)])
  const counts = (name: string): number[] =>
    textsOf(blocks.get(name)!)
      .filter(said => /^\d+$/.test(said))
      .map(Number)
  const { spleen } = usual.metrics.presence_per_structure
  expect(counts('spleen')).toEqual([
    spleen!.true_positives,
    spleen!.false_negatives,
    spleen!.false_positives,
    spleen!.true_negatives,
  ])
  expect(counts('all structures').reduce((a, b) => a + b)).toBe(usual.cases.length)
})

test('one structure or a hundred and sixteen: every figure can be drawn, and undefined metrics say so', () => {
  const draw = [presenceFigure, segmentationFigure, scenarioFigure, confusionFigure]
  for (const figures of [
    figuresOf(['liver'], { samples: 1, absent: 0, scenarios: [] }),
    figuresOf(['liver'], { samples: 2, absent: 1 }),
    figuresOf(organNames(116), { samples: 3 }),
  ])
    for (const figure of draw) {
      const svg = figure(figures)
      expect(svg).not.toMatch(/NaN|Infinity|undefined="/)
      expect(drawn(svg).width).toBe(1200)
    }
  const none = textsOf(presenceFigure(figuresOf(['liver'], { samples: 1, absent: 0 })))
  expect(none.filter(said => said === DASH)).toHaveLength(3) // both areas and the sensitivity
})

test('a sample: attention beside the masks in three planes; the image is embedded once per plane', () => {
  const view = madeSample(organNames(5), [32, 16, 16], 'sample')
  const planes = groupsOf(overlay(view), 'data-plane')
  for (const plane of planes.values()) {
    expect(plane.match(/<image/g)).toHaveLength(2) // the slice and the map
    expect(plane.match(/<use/g)).toHaveLength(3)
  }
  const without = { ...view, structures: view.structures.map(({ attention: _, ...structure }) => structure) }
  for (const plane of groupsOf(overlay(without), 'data-plane').values()) expect(plane.match(/<svg/g)).toHaveLength(3)
  expect(attentionRow(without)).toBeUndefined()
  expect(drawn(structurePictures(without)).colors).toBeGreaterThan(50)
})

test('each structure where it is largest, with missed and excess voxels', () => {
  const view = madeSample(organNames(8), [32, 32, 16], 'sample')
  const rows = groupsOf(structurePictures(view), 'data-structure')
  expect([...rows.keys()]).toEqual(organNames(8))
  const fills = (name: string) =>
    new Set([...rows.get(name)!.matchAll(/<path [^>]*fill="(#\w+)"/g)].map(([, fill]) => fill))
  expect(fills('left_lung')).toEqual(new Set(['#ffffff', '#33bbee', '#ee7733']))
  expect(fills('liver')).toEqual(new Set(['#ee7733'])) // a false alarm
  expect(fills('right_kidney')).toEqual(new Set(['#33bbee'])) // missed
  expect(textsOf(rows.get('liver')!)).toContain('false alarm')
})

test('of many structures the worst are shown, and the picture says so', () => {
  const view = madeSample(organNames(60), [16, 16, 16], 'sample')
  const svg = structurePictures(view)
  const rows = groupsOf(svg, 'data-structure')
  expect(rows.size).toBe(24)
  for (const { name, presence, probability } of view.structures)
    if (presence >= 0 && probability > 0.5 !== presence > 0.5) expect([...rows.keys()]).toContain(name)
  expect(textsOf(svg).join()).toContain('the worst 24 of 60 structures')
  const overview = attentionOverview([attentionRow(view)!])
  expect(groupsOf(overview, 'data-structure').size).toBe(28)
  expect(textsOf(overview).join()).toContain('the first 28 of 60 structures')
})

test('attention is coloured from its minimum to its maximum; a flat map stays flat', () => {
  expect(heatRange(Float32Array.of(0.5, 0.75, 0.625))).toEqual([0.5, 0.75])
  const [least, most] = heatRange(Float32Array.of(0.5, 0.5))
  expect([least, most > 0.59 && most < 0.61]).toEqual([0.5, true])
  const view = madeSample(['liver'], [16, 16, 16], 'sample')
  const attention = new Float32Array(16 ** 3).map((_, v) => (v === 99 ? 0.75 : 0.5))
  const svg = overlay({ ...view, structures: view.structures.map(each => ({ ...each, attention })) })
  expect(textsOf(svg)).toEqual(expect.arrayContaining(['0.50', '0.75']))
})

test('a slice larger than its cell is embedded at the resolution shown', () => {
  const view = madeSample(['liver'], [256, 32, 16], 'wide')
  const [, png] = structurePictures(view).match(/<image id[^>]*base64,([^"]*)"/)!
  expect(Buffer.from(png!, 'base64').readUInt32BE(16)).toBe(128)
})
