import { basename } from 'node:path'
import { InputError } from '../../util/error.ts'

/** An error is what training or evaluation would stop at or learn wrongly from; a warning is what may be meant so. */
export type Severity = 'error' | 'warning'

/** Something in a dataset that contradicts something else. */
export interface Finding {
  severity: Severity
  /** of the dataset's folder */
  file: string
  dataset?: string
  structure?: string
  /** indices within the file, ascending */
  samples?: number[]
  message: string
}

export interface Observation extends Omit<Finding, 'samples'> {
  sample?: number
  /** a number that differs from sample to sample; the finding says the least and the greatest */
  value?: number
}

interface Entry extends Omit<Finding, 'samples'> {
  indices: number[]
  lowest: number
  highest: number
}

/** Collects findings; what is the same of several samples becomes one. */
export class Findings {
  private readonly entries = new Map<string, Entry>()

  add({ sample, value, ...finding }: Observation): void {
    const key = JSON.stringify(Object.values(finding))
    const entry: Entry = this.entries.get(key) ?? {
      ...finding,
      indices: [],
      lowest: Number.POSITIVE_INFINITY,
      highest: Number.NEGATIVE_INFINITY,
    }
    this.entries.set(key, entry)
    if (sample !== undefined) entry.indices.push(sample)
    if (value === undefined) return
    entry.lowest = Math.min(entry.lowest, value)
    entry.highest = Math.max(entry.highest, value)
  }

  /** Takes what reading of `path` refused as an error; anything but an InputError is thrown on. */
  addRefusal(error: unknown, path: string): void {
    if (!(error instanceof InputError)) throw error
    const text = error.message.startsWith(`${path}: `) ? error.message.slice(path.length + 2) : error.message
    const [, dataset, sample, rest] = /^dataset '([^']+)' (?:sample (\d+),? )?(.*)$/s.exec(text) ?? []
    this.add({
      severity: 'error',
      file: basename(path),
      message: rest ?? text,
      ...(dataset === undefined ? {} : { dataset }),
      ...(sample === undefined ? {} : { sample: Number(sample) }),
    })
  }

  /** The value of `read`; a refusal of it is a finding, and the value undefined. */
  attempt<T>(path: string, read: () => T): T | undefined {
    try {
      return read()
    } catch (error) {
      this.addRefusal(error, path)
      return undefined
    }
  }

  /** Errors first, then by file, dataset and sample; samples ascending. */
  list(): Finding[] {
    const found = [...this.entries.values()].map(findingOf)
    const key = ({ severity, file, dataset = '', samples, message }: Finding): (string | number)[] => [
      severity,
      FILES.indexOf(file),
      dataset,
      samples?.[0] ?? -1,
      message,
    ]
    return found.sort((a, b) => {
      const [keyA, keyB] = [key(a), key(b)]
      const at = keyA.findIndex((part, i) => part !== keyB[i])
      return at < 0 ? 0 : keyA[at]! < keyB[at]! ? -1 : 1
    })
  }
}

/** A dataset's files in the order of a report. */
const FILES = ['metadata.json', 'hashes.json', 'train.h5', 'val.h5', 'test.h5']

function findingOf({ severity, file, dataset, structure, indices, message, lowest, highest }: Entry): Finding {
  return {
    severity,
    file,
    ...(dataset === undefined ? {} : { dataset }),
    ...(structure === undefined ? {} : { structure }),
    ...(indices.length === 0 ? {} : { samples: indices.sort((a, b) => a - b) }),
    message: lowest > highest ? message : `${message} (${extentText(lowest, highest)})`,
  }
}

function extentText(lowest: number, highest: number): string {
  const [from, to] = [lowest, highest].map(value => String(Number(value.toPrecision(6))))
  return from === to ? from! : `${from} to ${to}`
}

/** Ascending indices as `3–7, 12`; of more than `most` ranges the first ones, and how many indices there are. */
export function rangesText(indices: readonly number[], most = Number.POSITIVE_INFINITY): string {
  const ranges: [first: number, last: number][] = []
  for (const index of indices) {
    const range = ranges.at(-1)
    if (range && index <= range[1] + 1) range[1] = index
    else ranges.push([index, index])
  }
  const text = ranges.slice(0, most).map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`))
  return ranges.length > most ? `${text.join(', ')}, … (${indices.length})` : text.join(', ')
}
