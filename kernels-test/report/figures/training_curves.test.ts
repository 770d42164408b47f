import { expect, test } from 'vitest'
import { linearScale, logScale, paddedRange } from '../../../src/report/chart/scale.ts'
import { fitted, widthOf } from '../../../src/report/chart/svg.ts'
import { type Curves, type EpochSeries, trainingCurves } from '../../../src/report/figures/training_curves.ts'
import { drawn, groupsOf, textsOf } from '../read_svg.ts'

const HOSTILE = `<script>alert("1")</script>&'\u0000\ud800`

/** A training of `epochs` with `structures`; the losses fall from 4 by `factor` per epoch. */
function training(epochs: number, structures: number, factor = 0.9): Map<string, EpochSeries> {
  const series = (at: (epoch: number) => number): EpochSeries => {
    const all = Array.from({ length: epochs }, (_, epoch) => epoch)
    return { epochs: all, values: all.map(at) }
  }
  const falling = (scale: number) => series(epoch => scale * factor ** epoch)
  const rising = series(epoch => 1 - 0.9 ** (epoch + 1))
  const metrics = new Map<string, EpochSeries>()
  for (const split of ['train', 'val']) {
    metrics.set(`${split}.epoch.total_loss`, falling(split === 'val' ? 4 : 3))
    for (const term of ['segmentation', 'dice', 'absence']) metrics.set(`${split}.epoch.${term}`, falling(1))
    metrics.set(`${split}.epoch.focal_seg`, falling(0))
    metrics.set(`${split}.epoch.presence_accuracy`, rising)
    metrics.set(`${split}.epoch.mean_dice`, rising)
  }
  metrics.set('val.epoch.hard_dice', rising)
  metrics.set('train.learning_rate', falling(1e-3))
  metrics.set('system.samples_per_second', falling(12))
  for (let s = 0; s < structures; s++) {
    metrics.set(`val.dice.${s === 0 ? HOSTILE : `structure ${s}`}`, rising)
    metrics.set(`val.presence_accuracy.${s === 0 ? HOSTILE : `structure ${s}`}`, rising)
  }
  return metrics
}

function figure(metrics: Map<string, EpochSeries>, more: Partial<Curves> = {}): string {
  return trainingCurves({
    title: 'run 1',
    metrics,
    terms: ['segmentation', 'dice', 'focal_seg', 'absence'],
    structures: [...metrics.keys()].flatMap(name => /^val\.dice\.(.*)$/s.exec(name)?.[1] ?? []),
    planned: 100,
    monitor: 'total_loss',
    ...more,
  })
}

const panels = (svg: string): Map<string, string> => groupsOf(svg, 'data-panel')
const seriesOf = (panel: string): Map<string, string> => groupsOf(panel, 'data-series')
const pathOf = (series: string): string => / d="([^"]*)"/.exec(series)![1]!

test('every panel has its series; terms that are always 0 are omitted; the best epoch is marked', () => {
  const svg = figure(training(20, 3))
  const found = Object.fromEntries([...panels(svg)].map(([title, panel]) => [title, [...seriesOf(panel).keys()]]))
  const names = [HOSTILE.replace(/[\0\ud800]/g, '\ufffd'), 'structure 1', 'structure 2']
  expect(found).toEqual({
    Loss: ['training', 'validation'],
    'Loss terms (validation, unweighted)': ['segmentation', 'dice', 'absence'],
    'Mean Dice of present structures': ['training, soft', 'validation, soft', 'validation, at 0.5'],
    'Presence accuracy': ['training', 'validation'],
    'Learning rate': ['learning rate'],
    'Throughput (samples/s)': ['samples/s'],
    'Dice of each structure (validation, soft)': names,
    'Presence accuracy of each structure (validation)': names,
  })
  expect(textsOf(svg)).toContain('best: epoch 20')
  expect(textsOf(svg)).toContain('20 of 100 epochs, best validation loss 0.5403 at epoch 20')
  const hard = figure(training(20, 1), { monitor: 'hard_dice' })
  expect(textsOf(hard)).toContain('20 of 100 epochs, best hard Dice 0.8784 at epoch 20')
})

test('order and colours stay the same when the metrics come in another order, as after --resume', () => {
  const metrics = training(3, 3)
  const sorted = new Map([...metrics].sort(([a], [b]) => (a < b ? -1 : 1)))
  const structures = ['structure 2', HOSTILE, 'structure 1']
  const [first, resumed] = [metrics, sorted].map(each => figure(each, { structures }))
  expect(resumed).toBe(first)
  const rows = groupsOf(panels(first!).get('Dice of each structure (validation, soft)')!, 'data-series')
  expect([...rows.keys()]).toEqual(['structure 2', HOSTILE.replace(/[\0\ud800]/g, '\ufffd'), 'structure 1'])
  // a term that is omitted takes its colour with it
  const colorsOf = (svg: string) =>
    [
      ...panels(svg)
        .get('Loss terms (validation, unweighted)')!
        .matchAll(/data-series="(\w+)" fill="(#\w+)"/g),
    ].map(([, name, color]) => [name, color])
  const without = new Map([...metrics].filter(([name]) => !name.endsWith('.segmentation')))
  expect(colorsOf(figure(without))).toEqual(colorsOf(first!).slice(1))
})

test('hostile names are text', () => {
  const svg = figure(training(2, 2), { title: HOSTILE })
  expect(svg).not.toContain('<script')
  expect(svg).not.toMatch(/[\0\ud800-\udfff]/)
  expect(drawn(svg).colors).toBeGreaterThan(10)
})

test('a non-finite value is a gap; a value between two gaps is a dot', () => {
  const metrics = training(100, 1)
  const { values } = metrics.get('train.epoch.total_loss')!
  for (const epoch of [10, 50, 52]) values[epoch] = [Number.NaN, Number.POSITIVE_INFINITY][epoch % 2] ?? Number.NaN
  const loss = seriesOf(panels(figure(metrics)).get('Loss')!)
  expect(pathOf(loss.get('training')!).match(/M/g)).toHaveLength(4)
  expect(loss.get('training')!.match(/<circle/g)).toHaveLength(1)
  expect(pathOf(loss.get('validation')!).match(/M/g)).toHaveLength(1)
})

test('a panel without any finite value says so', () => {
  const metrics = training(3, 0)
  for (const name of ['train', 'val']) metrics.get(`${name}.epoch.total_loss`)!.values.fill(Number.NaN)
  const svg = figure(metrics)
  expect(textsOf(panels(svg).get('Loss')!)).toContain('no values yet')
  expect(textsOf(svg)).toContain('3 of 100 epochs')
  expect(textsOf(figure(new Map())).filter(text => text === 'no values yet')).toHaveLength(6)
})

test('a loss over decades has a logarithmic scale, a narrow one a linear one', () => {
  const heightsOf = (factor: number): number[] => {
    const path = pathOf(seriesOf(panels(figure(training(61, 0, factor))).get('Loss')!).get('validation')!)
    const heights = [...path.matchAll(/[ML][\d.]+ ([\d.]+)/g)].map(([, y]) => Number(y))
    return [heights[30]! - heights[0]!, heights[60]! - heights[30]!]
  }
  const [first, second] = heightsOf(0.9)
  expect(second! / first!).toBeCloseTo(1, 1)
  const [steep, flat] = heightsOf(0.97)
  expect(flat! / steep!).toBeLessThan(0.5)
})

test.each([
  [1, 1],
  [2, 13],
  [500, 30],
])(
  '%i epochs with %i structures: texts on one line do not overlap, and the picture can be drawn',
  (epochs, structures) => {
    const svg = figure(training(epochs, structures))
    const texts = [
      ...svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)" font-size="(\d+)" text-anchor="(\w+)"[^>]*>([^<]*)</g),
    ]
    expect(texts.length).toBeGreaterThan(50)
    const spans = texts.map(([, x, y, size, anchor, content]) => {
      const width = widthOf(content!.replace(/&#\d+;/g, '?'), Number(size))
      const left = Number(x) - { start: 0, middle: width / 2, end: width }[anchor as 'start' | 'middle' | 'end']
      return { y: Number(y), left, right: left + width, content }
    })
    const overlapping = spans.flatMap((a, i) =>
      spans
        .slice(i + 1)
        .filter(b => Math.abs(a.y - b.y) < 8 && a.left < b.right - 4 && b.left < a.right - 4)
        .map(b => [a.content, b.content]),
    )
    expect(overlapping).toEqual([])
    const { width, height, colors } = drawn(svg)
    expect(width).toBe(1200)
    expect(height).toBeGreaterThan(700 + 16 * structures)
    expect(colors).toBeGreaterThan(20)
  },
)

test('tens of thousands of epochs are drawn with a few points per pixel, extremes included', () => {
  const metrics = training(30_000, 1, 1)
  metrics.get('train.epoch.total_loss')!.values[12_345] = 9
  const svg = figure(metrics)
  expect(svg.length).toBeLessThan(1_000_000)
  const [low, high] = [/ d="([^"]*)"/, / d="([^"]*)"/].map((pattern, i) => {
    const series = [...seriesOf(panels(svg).get('Loss')!).values()][i]!
    const heights = [...pattern.exec(series)![1]!.matchAll(/[ML][\d.]+ ([\d.]+)/g)].map(([, y]) => Number(y))
    return Math.min(...heights)
  })
  expect(low).toBeLessThan(high! - 50)
})

test('ticks are at round numbers', () => {
  const labels = (scale: ReturnType<typeof linearScale>): string[] => scale.ticks.map(({ label }) => label)
  expect(labels(linearScale([0, 1], [0, 100], 5))).toEqual(['0.0', '0.2', '0.4', '0.6', '0.8', '1.0'])
  expect(labels(linearScale([1, 3], [0, 100], 6, true))).toEqual(['1', '2', '3'])
  expect(labels(linearScale([0, 5e-5], [0, 100], 5))).toEqual(['0', '1e-5', '2e-5', '3e-5', '4e-5', '5e-5'])
  expect(labels(logScale([0.1, 10], [0, 100]))).toEqual(['0.1', '0.2', '0.5', '1', '2', '5', '10'])
  expect(labels(logScale([1e-6, 1e-3], [0, 100]))).toEqual(['1e-6', '1e-5', '1e-4', '0.001'])
  const close = linearScale(paddedRange([1, 1 + Number.EPSILON]), [0, 100], 5)
  expect(labels(close)).toEqual(['0.90', '0.95', '1.00', '1.05', '1.10'])
  expect(labels(linearScale(paddedRange([0, 0]), [0, 100], 5))).toEqual(['0.0', '0.2', '0.4', '0.6', '0.8', '1.0'])
  expect(logScale([1, 100], [0, 100]).at(10)).toBeCloseTo(50)
})

test('a text that is too wide ends in an ellipsis', () => {
  expect(fitted('heart', 100, 10)).toBe('heart')
  const short = fitted('superior\nmesenteric artery', 80, 10)
  expect(short).toMatch(/^superior m.*…$/)
  expect(widthOf(short, 10)).toBeLessThanOrEqual(80)
  expect(fitted('x'.repeat(10_000_000), 80, 10)).toMatch(/^x+…$/)
})
