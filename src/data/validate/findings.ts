import { basename } from 'node:path'
import { InputError } from '../../util/error.ts'

/** An error would stop training or evaluation, or corrupt what they learn or measure; a warning may be intended. */
export type Severity = 'error' | 'warning'

/** A contradiction in a dataset. */
export interface Finding {
  severity: Severity
  /** name in the dataset's folder */
  file: string
  dataset?: string
  structure?: string
  /** indices within the file, ascending */
  samples?: number[]
  message: string
}

export interface Observation extends Omit<Finding, 'samples'> {
  sample?: number
  /** a number that differs between samples; the finding reports its minimum and maximum */
  value?: number
}

interface Entry extends Omit<Finding, 'samples'> {
  indices: number[]
  lowest: number
  highest: number
}

/** Collects findings; merges equal findings of several samples. */
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

  /** Adds an InputError from reading `path` as an error; rethrows any other error. */
  addRefusal(error: unknown, path: string): void {
    if (!(error instanceof InputError)) throw error
    const text = withoutPath(error.message, path)
    const [, dataset, sample, rest] = /^dataset '([^']+)' (?:sample (\d+),? )?(.*)$/s.exec(text) ?? []
    this.add({
      severity: 'error',
      file: basename(path),
      message: rest ?? text,
      ...(dataset === undefined ? {} : { dataset }),
      ...(sample === undefined ? {} : { sample: Number(sample) }),
    })
  }

  /** The value of `read`; if it throws InputError, adds a finding and returns undefined. */
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

/** The message behind its path, or behind `PATH:LINE:COLUMN`, as far as it begins with that. */
function withoutPath(message: string, path: string): string {
  if (!message.startsWith(`${path}:`)) return message
  return message
    .slice(path.length + 1)
    .trimStart()
    .replace(/^(\d+):(\d+): /, 'line $1, column $2: ')
}

/** A dataset's files in report order. */
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

/** Ascending indices as `3–7, 12`; if there are more than `most` ranges, the first ones and the number of indices. */
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
