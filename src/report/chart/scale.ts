import { type Box, FAINT, GRID, line, rectangle, SMALL, text } from './svg.ts'

/** Maps values to pixels along one axis, and lists its ticks. */
export interface Scale {
  at(value: number): number
  ticks: readonly { value: number; label: string }[]
}

/** Minimum and maximum of the finite values; undefined if there are none. */
export function extent(values: readonly number[]): [number, number] | undefined {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    if (!Number.isFinite(value)) continue
    if (value < low) low = value
    if (value > high) high = value
  }
  return low <= high ? [low, high] : undefined
}

/** A linear scale with about `most` ticks, at multiples of 1, 2 or 5 times a power of ten. `whole`: at integers only. */
export function linearScale(
  [low, high]: readonly [number, number],
  [from, to]: readonly [number, number],
  most: number,
  whole = false,
): Scale {
  const step = Math.max(niceStep((high - low) / most), whole ? 1 : 0)
  const ticks: Scale['ticks'][number][] = []
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++)
    ticks.push({ value: i * step, label: numberLabel(i * step, step) })
  return { at: value => from + ((value - low) / (high - low)) * (to - from), ticks }
}

/** A logarithmic scale with ticks at powers of ten, and at 2 and 5 times these if there are few. Both bounds must be positive. */
export function logScale([low, high]: readonly [number, number], [from, to]: readonly [number, number]): Scale {
  const decades = Math.log10(high / low)
  const every = Math.max(1, Math.ceil(decades / 6))
  const ticks: Scale['ticks'][number][] = []
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const factor of decades <= 2.5 ? [1, 2, 5] : [1]) {
      const value = factor * 10 ** power
      if (value < low * 0.999 || value > high * 1.001 || power % every !== 0) continue
      ticks.push({ value, label: numberLabel(value, value) })
    }
  return { at: value => from + (Math.log(value / low) / Math.log(high / low)) * (to - from), ticks }
}

/** Adds a margin to a range. The result is never empty. */
export function paddedRange([low, high]: readonly [number, number]): [number, number] {
  const size = Math.max(Math.abs(low), Math.abs(high))
  // values that differ only in their last digits count as one: ticks between them would coincide
  const margin = high - low > 1e-9 * size ? (high - low) * 0.06 : size * 0.1 || 1
  const bottom = low >= 0 && low - margin < 0 ? 0 : low - margin
  return [bottom, high + margin]
}

/** `paddedRange` for a logarithmic scale. */
export function paddedDecades([low, high]: readonly [number, number]): [number, number] {
  const factor = Math.max((high / low) ** 0.06, 1.1)
  return [low / factor, high * factor]
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough))
  return power * [1, 2, 5, 10].find(factor => factor * power >= rough * 0.999)!
}

/** Formats a tick with as many digits as its step needs. */
function numberLabel(value: number, step: number): string {
  const size = Math.abs(value)
  if (value === 0 && step < 1e-3) return '0'
  if (value !== 0 && (size >= 1e5 || size < 1e-3)) return Number(value.toPrecision(3)).toExponential()
  return value.toFixed(Math.max(0, Math.min(6, -Math.floor(Math.log10(step) + 1e-9))))
}

/** Draws the frame of a plot, grid lines at the ticks of `y` and tick marks at those of `x`. Either scale may be omitted. */
export function plotAxes({ x: left, y: top, width, height }: Box, { x, y }: { x?: Scale; y?: Scale }): string[] {
  const across = (y?.ticks ?? []).flatMap(({ value, label }) => [
    line(left, y!.at(value), left + width, y!.at(value), GRID),
    text(left - 5, y!.at(value) + 3.5, label, { size: SMALL, anchor: 'end', fill: FAINT }),
  ])
  const along = x ? ticksBelow(x, top + height) : []
  return [...across, ...along, rectangle(left, top, width, height, { fill: 'none', stroke: '#b5b5b5' })]
}

/** The tick marks and labels of a horizontal scale, below `bottom`. */
export function ticksBelow(x: Scale, bottom: number): string[] {
  return x.ticks.flatMap(({ value, label }) => [
    line(x.at(value), bottom, x.at(value), bottom + 4, FAINT),
    text(x.at(value), bottom + 15, label, { size: SMALL, anchor: 'middle', fill: FAINT }),
  ])
}

/** Vertical grid lines at the ticks of a horizontal scale. */
export function verticalGrid(x: Scale, { y, height }: Box): string[] {
  return x.ticks.map(({ value }) => line(x.at(value), y, x.at(value), y + height, GRID))
}
