import { expect, test } from 'vitest'
import { hrefOf, placeOf } from '../../src/board/page/address.ts'
import { panelsOf } from '../../src/board/page/charts/panels.ts'
import { compareValues } from '../../src/board/page/runs/columns.ts'
import { parseFilter, type Value } from '../../src/board/page/runs/filter.ts'

const run: Record<string, Value> = {
  status: 'RUNNING',
  comment: 'Left kidney',
  dice: 0.8,
  'training.learning_rate': 0.002,
  'model.dropout': null,
  'a.size': 1,
  'b.size': 2,
}
const holds = (text: string) =>
  parseFilter(text, Object.keys(run)).keeps(key => run[key], ['sacred_runs/3', String(run.comment)])

test.each([
  ['', true],
  ['status=running', true],
  ['status!=RUNNING', false],
  ['training.learning_rate>1e-3', true],
  ['learning_rate>1e-3 status=FAILED', false],
  ['learning_rate<=0.002 dice>=0.8', true],
  ['dice<0.8', false],
  ['comment="left kidney"', true],
  ['comment~KID', true],
  ['kidney runs/3', true],
  ['liver', false],
  ['dropout>0', false],
  ['comment>3', false],
])('%s', (text, expected) => {
  expect(holds(text)).toBe(expected)
})

test('a key that does not exist or may be several is said', () => {
  const problem = (text: string) => parseFilter(text, Object.keys(run)).problem
  expect(problem('nothing=3')).toMatch(/nothing/)
  expect(problem('size=3')).toBe('size may be a.size or b.size')
  expect(problem('dice>0')).toBeUndefined()
})

test('values are ordered as a reader would: numbers, numbered names, then what is missing', () => {
  const values: Value[] = [undefined, 'run 10', 3, 'run 2', 1]
  expect(values.sort(compareValues)).toEqual([1, 3, 'run 2', 'run 10', undefined])
})

test('an address names a page and its parts, whatever is in them', () => {
  const name = 'a/b?c#d %'
  expect(placeOf(hrefOf('run', [name], new URLSearchParams({ log: '1' })))).toMatchObject({
    page: 'run',
    parts: [name],
  })
  expect(placeOf('#/run/%E0%A4%A').parts).toEqual(['%E0%A4%A'])
  expect(placeOf('')).toMatchObject({ page: '', parts: [] })
})

test('every metric is in one chart, of what belongs together', () => {
  const names = [
    'train.epoch.total_loss',
    'val.epoch.total_loss',
    'val.dice.liver',
    'val.dice.left_kidney',
    'final.mean_dice',
  ]
  const panels = panelsOf([...names, 'train.batch.total', 'acc', 'loss.a', 'loss.b'])
  expect(panels.map(({ title, metrics }) => [title, metrics.map(([, label]) => label)])).toEqual([
    ['Loss', ['train', 'val']],
    ['Loss of each batch', ['total']],
    ['Dice of each structure (validation)', ['liver', 'left kidney']],
    ['acc', ['acc']],
    ['loss', ['a', 'b']],
  ])
})
