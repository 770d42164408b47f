import type { Interval } from '../detailed_metrics.ts'

/** A share, for a report in plain text. */
export function figureOf(value: number | null): string {
  return value === null ? '-' : value.toFixed(4)
}

/** A distance, without its unit. */
export function distanceOf(value: number | null): string {
  return value === null ? '-' : value.toFixed(2)
}

export function intervalOf(interval: Interval | undefined, text: (value: number) => string): string {
  return interval ? `[${interval.map(text).join(', ')}]` : '-'
}

/** A figure and behind it its interval, where it has one. */
export function withInterval(
  value: number | null,
  interval: Interval,
  text: (value: number | null) => string = figureOf,
): string {
  return interval ? `${text(value)} ${intervalOf(interval, text)}` : text(value)
}
