import { UNDEFINED } from '../../util/statistics.ts'
import type { Interval } from '../detailed_metrics.ts'

/** A metric in a plain-text report. */
export function metricText(value: number | null): string {
  return value === null ? UNDEFINED : value.toFixed(4)
}

/** A distance, without its unit. */
export function distanceText(value: number | null): string {
  return value === null ? UNDEFINED : value.toFixed(2)
}

export function intervalText(interval: Interval | undefined, text: (value: number) => string): string {
  return interval ? `[${interval.map(text).join(', ')}]` : UNDEFINED
}

/** A metric, followed by its interval if it has one. */
export function withInterval(
  value: number | null,
  interval: Interval,
  text: (value: number | null) => string = metricText,
): string {
  return interval ? `${text(value)} ${intervalText(interval, text)}` : text(value)
}

/** A difference, with its sign. */
export function signed(value: number | null): string {
  if (value === null) return UNDEFINED
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`
}
