import { UNDEFINED } from '../../util/statistics.ts'
import { LINES } from '../chart/palette.ts'
import { type Box, element, FAINT, fitted, GRID, line, rectangle, SMALL, text, widthOf } from '../chart/svg.ts'

/** A table of values between 0 and 1. A cell shows a dot on a line from 0 to 1, and the number. */
export interface ShareTable {
  /** above the row names */
  heading: string
  columns: readonly { heading: string; color?: string }[]
  rows: readonly ShareRow[]
  /** above the notes at the right end of the rows */
  noteHeading?: string
}

export interface ShareRow {
  name: string
  /** one per column; null if undefined */
  values: readonly (number | null)[]
  note?: string
}

const ROW = 22 // pixels
const HEAD = 28
const NAMES = 170
const NUMBER = 40

/** Height of a table with this many rows. */
export function shareTableHeight(rows: number): number {
  return HEAD + ROW * rows + 6
}

/** Draws the table within `box`, whose height is `shareTableHeight`. */
export function shareTable({ heading, columns, rows, noteHeading = '' }: ShareTable, box: Box): string {
  const notes =
    Math.max(0, ...[noteHeading, ...rows.map(({ note = '' }) => note)].map(note => widthOf(note, SMALL))) + 10
  const width = (box.width - NAMES - notes) / columns.length
  const left = (c: number): number => box.x + NAMES + c * width
  const top = box.y + HEAD
  const head = [
    text(box.x, box.y + 14, heading, { size: SMALL, fill: FAINT }),
    ...columns.map((column, c) =>
      text(left(c), box.y + 14, fitted(column.heading, width - 6, SMALL), { size: SMALL, fill: FAINT }),
    ),
    text(box.x + box.width, box.y + 14, noteHeading, { size: SMALL, fill: FAINT, anchor: 'end' }),
    line(box.x, box.y + 21, box.x + box.width, box.y + 21, GRID),
  ]
  const drawn = rows.map(({ name, values, note = '' }, r) => {
    const y = top + ROW * r
    const stripe = r % 2 ? '' : rectangle(box.x - 4, y, box.width + 8, ROW, { fill: '#f7f7f7' })
    const cells = columns.map(({ color = LINES[0] }, c) =>
      cell(values[c] ?? null, left(c), y + ROW / 2, width - 12 - NUMBER, color),
    )
    const label = text(box.x, y + 15, fitted(name, NAMES - 12, 11), { size: 11 })
    const end = text(box.x + box.width, y + 15, note, { size: SMALL, anchor: 'end', fill: FAINT })
    return element('g', { 'data-row': name }, stripe + label + cells.join('') + end)
  })
  return [...head, ...drawn].join('\n')
}

/** A dot on a line that is thicker from 0 to the value, then the number. */
function cell(value: number | null, x: number, y: number, length: number, color: string): string {
  const track = line(x, y, x + length, y, '#d9d9d9')
  if (value === null) return track + text(x + length + 8, y + 4, UNDEFINED, { size: SMALL, fill: FAINT })
  const at = x + length * Math.max(0, Math.min(1, value))
  return [
    track,
    line(x, y, at, y, color, { 'stroke-width': '2.4', 'stroke-opacity': '0.45' }),
    element('circle', { cx: at, cy: y, r: 4, fill: color }),
    text(x + length + 8, y + 4, value.toFixed(3), { size: SMALL }),
  ].join('')
}
