import { UNDEFINED } from '../../util/statistics.ts'
import { LINES } from '../chart/palette.ts'
import { element, FAINT, fitted, INK, picture, rectangle, text } from '../chart/svg.ts'
import type { PresenceMetrics } from '../detailed_metrics.ts'
import { type EvaluationResults, FIGURE_WIDTH, figureHead, HEAD, MARGIN } from './frame.ts'

const COLUMNS = 6
const GAP = 26 // pixels
const CELL = { width: 62, height: 44 }
const SIDE = 42 // for the row names
const BLOCK = 150 // height including its texts

type Counts = Pick<PresenceMetrics, 'true_positives' | 'true_negatives' | 'false_positives' | 'false_negatives'>

/** Draws the confusion matrices of presence, for all structures together and for each one (SVG). */
export function confusionFigure({ head, metrics }: EvaluationResults): string {
  const own = Object.entries(metrics.presence_per_structure)
  const blocks: (readonly [string, Counts])[] = [['all structures', summed(own.map(([, counts]) => counts))], ...own]
  const width = (FIGURE_WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS
  const parts = blocks.map(([name, counts], i) =>
    block(name, counts, MARGIN + (i % COLUMNS) * (width + GAP), HEAD + 4 + Math.floor(i / COLUMNS) * BLOCK, i === 0),
  )
  const height = HEAD + Math.ceil(blocks.length / COLUMNS) * BLOCK + MARGIN - 10
  const line = 'Rows: ground truth; columns: prediction. Shading: fraction of the row. Blue: correct; orange: wrong'
  return picture(
    FIGURE_WIDTH,
    height,
    '#ffffff',
    [figureHead(`Confusion matrices of presence, ${head.split}`, line), ...parts].join('\n'),
  )
}

function summed(all: readonly Counts[]): Counts {
  const sum = (key: keyof Counts): number => all.reduce((total, counts) => total + counts[key], 0)
  return {
    true_positives: sum('true_positives'),
    true_negatives: sum('true_negatives'),
    false_positives: sum('false_positives'),
    false_negatives: sum('false_negatives'),
  }
}

function block(name: string, counts: Counts, x: number, y: number, isAll: boolean): string {
  const { true_positives, true_negatives, false_positives, false_negatives } = counts
  const rows = [
    ['present', true_positives, false_negatives],
    ['absent', false_positives, true_negatives],
  ] as const
  const left = x + SIDE
  const small = { size: 9, fill: FAINT }
  const columns = ['present', 'absent'].map((label, c) =>
    text(left + (c + 0.5) * CELL.width, y + 28, label, { ...small, anchor: 'middle' }),
  )
  const cells = rows.flatMap(([label, ...both], r) => {
    const top = y + 33 + r * CELL.height
    const total = both[0] + both[1]
    const drawn = both.map((count, c) => matrixCell(count, total, r === c, left + c * CELL.width, top))
    return [text(left - 5, top + CELL.height / 2 + 3, label, { ...small, anchor: 'end' }), ...drawn]
  })
  const title = text(x, y + 12, fitted(name, SIDE + 2 * CELL.width, 11), { size: 11, bold: isAll })
  return element('g', { 'data-structure': name }, [title, ...columns, ...cells].join(''))
}

function matrixCell(count: number, total: number, isCorrect: boolean, x: number, y: number): string {
  const share = total === 0 ? 0 : count / total
  const fill = isCorrect ? LINES[0] : LINES[1]
  const opacity = total === 0 ? '0' : (0.06 + 0.84 * share).toFixed(3)
  const color = share > 0.55 ? '#ffffff' : INK
  const [middle, base] = [x + CELL.width / 2, y + CELL.height / 2]
  return [
    rectangle(x + 1, y + 1, CELL.width - 2, CELL.height - 2, {
      fill,
      'fill-opacity': opacity,
      stroke: '#d0d0d0',
      rx: 2,
    }),
    text(middle, base + 1, `${count}`, { size: 14, bold: true, anchor: 'middle', fill: color }),
    text(middle, base + 14, total === 0 ? UNDEFINED : `${Math.round(100 * share)} %`, {
      size: 9,
      anchor: 'middle',
      fill: color,
    }),
  ].join('')
}
