import { heat, hexadecimal } from './palette.ts'
import { element, FAINT, rectangle, text } from './svg.ts'

const SWATCHES = 32

/** The colours of a heat map from 0 to its greatest value within `width` pixels. `label` stands for that value where maps differ in it. */
export function heatScale(x: number, y: number, width: number, most: number, label = most.toPrecision(2)): string {
  const bar = width - 60
  const swatches = Array.from({ length: SWATCHES }, (_, i) =>
    rectangle(x + 16 + (i * bar) / SWATCHES, y + 3, bar / SWATCHES + 0.3, 8, {
      fill: hexadecimal(heat((i + 0.5) / SWATCHES)),
    }),
  )
  const style = { size: 10, fill: FAINT }
  return element(
    'g',
    {},
    [text(x + 4, y + 11, '0', style), ...swatches, text(x + bar + 21, y + 11, label, style)].join(''),
  )
}
