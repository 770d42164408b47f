import type { SeriesPart } from '../wire/run.ts'
import type { MetricColumns } from './column.ts'
import type { RecordMetrics } from './metrics.ts'
import { thinned } from './thin.ts'

export interface SeriesWindow {
  /** the metrics whose steps count these */
  unit: 'epoch' | 'batch'
  /** steps, or seconds since the run's first point */
  x: 'step' | 'time'
  /** pixels */
  width: number
  /** weight of the past in a moving average; 0 leaves the values as they are */
  smooth: number
  from: number | undefined
  to: number | undefined
}

/** The earlier run that a run continues, and where it took over. */
export interface Earlier {
  metrics: RecordMetrics
  /** the first epoch and batch of the later run */
  epoch: number
  step: number
}

/** All metrics of a run as lines, each as many points as the width can show. A run that continues another begins with that one's points. */
export function seriesOf({ all }: RecordMetrics, earlier: readonly Earlier[], window: SeriesWindow): SeriesPart[] {
  const names = new Set([...all.keys(), ...earlier.flatMap(({ metrics }) => [...metrics.all.keys()])])
  const joined = new Map([...names].sort().map(name => [name, joinedSeries(name, all.get(name), earlier)]))
  const start = Math.min(...[...joined.values()].flatMap(({ times }) => (times.length ? [times[0]!] : [])))
  return [...joined].flatMap(([name, { steps, times, values }]) => {
    if (values.length === 0 || (name.startsWith('train.batch.') ? 'batch' : 'epoch') !== window.unit) return []
    const xs = window.x === 'step' ? steps : times.map(time => (time - start) / 1000)
    return [{ name, ...thinned(xs, smoothed(values, window.smooth), window.width, window.from, window.to) }]
  })
}

/** The moving average that weighs a value k points back by weight^k; gaps stay gaps. */
function smoothed(values: Float64Array, weight: number): Float64Array {
  if (weight === 0) return values
  let [sum, norm] = [0, 0]
  return values.map(value => {
    if (!Number.isFinite(value)) return value
    sum = weight * sum + value
    norm = weight * norm + 1
    return sum / norm
  })
}

interface Joined {
  steps: Float64Array
  times: Float64Array
  values: Float64Array
}

/** Points of earlier runs up to where the next took over; a run of this program holds copies of them already. */
function joinedSeries(name: string, own: MetricColumns | undefined, earlier: readonly Earlier[]): Joined {
  const parts: Joined[] = own ? [numbersOf(own)] : []
  for (const { metrics, epoch, step } of earlier) {
    const columns = metrics.all.get(name)
    if (!columns || name.startsWith('final.')) continue
    const taken = name.startsWith('train.batch.') ? step : epoch
    const end = Math.min(parts[0]?.steps[0] ?? Number.POSITIVE_INFINITY, taken)
    const { steps, times, values } = numbersOf(columns)
    const count = steps.findIndex(each => each >= end)
    const cut = (numbers: Float64Array): Float64Array => (count < 0 ? numbers : numbers.subarray(0, count))
    parts.unshift({ steps: cut(steps), times: cut(times), values: cut(values) })
  }
  if (parts.length === 1) return parts[0]!
  const all = (key: keyof Joined): Float64Array => Float64Array.from(parts.flatMap(part => [...part[key]]))
  return { steps: all('steps'), times: all('times'), values: all('values') }
}

function numbersOf({ steps, times, values }: MetricColumns): Joined {
  return { steps: steps.numbers, times: times.numbers, values: values.numbers }
}
