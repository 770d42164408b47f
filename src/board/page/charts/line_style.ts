import { LINES } from '../../../report/chart/palette.ts'

const DASHES: readonly (readonly number[])[] = [[], [6, 4], [2, 3], [10, 4, 2, 4]]

/** The last colour of the reports, dark grey, is for white paper: lines on a dark ground take this. */
const ON_ANY_GROUND = '#8a939c'

/** Colour and dash of line `index`: the palette of the reports, then again with dashes. */
export function lineStyle(index: number): { color: string; dash: readonly number[] } {
  const at = index % LINES.length
  const color = at === LINES.length - 1 ? ON_ANY_GROUND : LINES[at]!
  return { color, dash: DASHES[Math.floor(index / LINES.length) % DASHES.length]! }
}
