import { UNDEFINED } from '../../util/statistics.ts'
import { regionColor, WRONG } from '../chart/palette.ts'
import { element, FAINT, fitted, GRID, line, rectangle, text } from '../chart/svg.ts'
import { verdictOf } from './overlap.ts'
import { presenceText, type StructureView } from './view.ts'

const ROW = 19 // pixels
const HEAD = 22
const BAR = 90

/** Height of a table with this many structures. */
export function presenceTableHeight(structures: number): number {
  return HEAD + ROW * structures + 20
}

/** Draws the structures in their colours: truth, probability of presence (tick: threshold), Dice. Wrong predictions stand out. */
export function presenceTable(
  { structures, threshold }: { structures: readonly StructureView[]; threshold: number },
  x: number,
  y: number,
  width: number,
): string {
  const columns = { name: x + 18, truth: x + 165, bar: x + 225, dice: x + width }
  const heading = (at: number, label: string, anchor: 'start' | 'end' = 'start'): string =>
    text(at, y + 12, label, { size: 10, fill: FAINT, anchor })
  const parts = [
    heading(columns.name, 'structure'),
    heading(columns.truth, 'truth'),
    heading(columns.bar, `presence (threshold ${threshold})`),
    heading(columns.dice, 'Dice, gated', 'end'),
    line(x, y + 17, x + width, y + 17, GRID),
    ...structures.map((structure, s) => row(structure, s, threshold, y + HEAD + ROW * s, columns)),
  ]
  return element('g', { 'data-table': 'presence' }, parts.join('\n'))
}

function row(
  structure: StructureView,
  index: number,
  threshold: number,
  y: number,
  at: { name: number; truth: number; bar: number; dice: number },
): string {
  const { name, presence, probability, dice } = structure
  const verdict = verdictOf(structure, threshold)
  const style = verdict === '' ? {} : { fill: WRONG, bold: true }
  const truth = presenceText(structure)
  const base = y + 13
  const parts = [
    rectangle(at.name - 18, y + 3, 12, 12, { fill: regionColor(index), rx: 2 }),
    text(at.name, base, fitted(name, at.truth - at.name - 12, 11), style),
    text(at.truth, base, truth, presence > 0.5 ? style : { fill: FAINT, ...style }),
    rectangle(at.bar, y + 5, BAR, 8, { fill: '#eeeeee' }),
    rectangle(at.bar, y + 5, BAR * Math.max(0, Math.min(1, probability)), 8, {
      fill: verdict === '' ? '#8a8a8a' : WRONG,
    }),
    line(at.bar + BAR * threshold, y + 2, at.bar + BAR * threshold, y + 16, '#222222'),
    text(at.bar + BAR + 6, base, probability.toFixed(2), style),
    verdict === '' ? '' : text(at.bar + BAR + 42, base, verdict, { ...style, size: 10 }),
    text(at.dice, base, dice === null ? UNDEFINED : dice.toFixed(3), {
      anchor: 'end',
      ...(dice === null ? { fill: FAINT } : {}),
    }),
  ]
  return element('g', { 'data-structure': name, 'data-verdict': verdict }, parts.join(''))
}
