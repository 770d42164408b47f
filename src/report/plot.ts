import type { Box } from './chart/line_panel.ts'
import type { Scale } from './chart/scale.ts'
import { FAINT, GRID, line, rectangle, text } from './chart/svg.ts'

const SMALL = 10 // pixels

/** The frame of a plot with its ticks: lines across at those of `y`, marks below at those of `x`. Either may be left out. */
export function plotAxes({ x: left, y: top, width, height }: Box, { x, y }: { x?: Scale; y?: Scale }): string[] {
  const bottom = top + height
  const across = (y?.ticks ?? []).flatMap(({ value, label }) => [
    line(left, y!.at(value), left + width, y!.at(value), GRID),
    text(left - 5, y!.at(value) + 3.5, label, { size: SMALL, anchor: 'end', fill: FAINT }),
  ])
  const along = (x?.ticks ?? []).flatMap(({ value, label }) => [
    line(x!.at(value), bottom, x!.at(value), bottom + 4, FAINT),
    text(x!.at(value), bottom + 15, label, { size: SMALL, anchor: 'middle', fill: FAINT }),
  ])
  return [...across, ...along, rectangle(left, top, width, height, { fill: 'none', stroke: '#b5b5b5' })]
}
