import { heat, hexadecimal } from './palette.ts'
import { element, FAINT, rectangle, SMALL, text, widthOf } from './svg.ts'

const SWATCHES = 32
const SPACE = 6 // pixels

/** Colour bar of a map over an image: `bar` pixels wide, with labels for its minimum and maximum. The left label starts at `x`. */
export function heatColorBar(x: number, y: number, bar: number, [least, most]: readonly [string, string]): string {
  const start = x + widthOf(least, SMALL) + SPACE
  const swatches = Array.from({ length: SWATCHES }, (_, i) =>
    rectangle(start + (i * bar) / SWATCHES, y + 3, bar / SWATCHES + 0.3, 8, {
      fill: hexadecimal(heat((i + 0.5) / SWATCHES)),
    }),
  )
  const style = { size: SMALL, fill: FAINT }
  const [low, high] = [
    text(start - SPACE, y + 11, least, { ...style, anchor: 'end' }),
    text(start + bar + SPACE, y + 11, most, style),
  ]
  return element('g', {}, [low, ...swatches, high].join(''))
}
