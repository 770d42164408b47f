import type { TorchTensor } from '../checkpoint/pickle/torch_tensor.ts'
import { type Initialisation, initialValues } from '../nn/initialise.ts'
import { type Entry, type SadaanShape, specify } from '../nn/specification.ts'
import { sizeOf } from '../util/shape.ts'
import type { Weights } from './model_weights.ts'

/** Weights for a model of another shape, and where each of its tensors comes from. */
export interface FittedWeights {
  weights: Weights
  /** tensors taken whole */
  taken: string[]
  /** tensors of which the rows of some structures were taken */
  partly: string[]
  /** tensors drawn anew */
  drawn: string[]
}

/** A model, and which of its structures those of another are. */
export interface Source {
  weights: Weights
  /** for each wanted structure its number here, or −1 if it has none */
  rows: readonly number[]
  /** whether names beginning so are not taken even if they fit */
  isLeftOut(name: string): boolean
}

/** For each name in `wanted` its number in `own`, or −1. Equal names take different numbers. */
export function rowsByName(own: readonly string[], wanted: readonly string[]): number[] {
  const free = new Set(own.keys())
  return wanted.map(name => {
    const row = [...free].find(each => own[each] === name) ?? -1
    free.delete(row)
    return row
  })
}

/** Entries of the state dict that belong to one structure: its number is part of the name. */
const CLASSIFIER = /^(absence_detector\.absence_classifiers\.)(\d+)(\..*)$/

/**
 * Weights of `shape`: every tensor of the source that has its shape, structure by structure, else drawn as for a new model. What
 * the source does not count (num_batches_tracked) is left out.
 */
export function fittedWeights(shape: SadaanShape, initialisation: Initialisation, source: Source): FittedWeights {
  const ofStructures = rowEntries(shape)
  const weights = new Map<string, TorchTensor>()
  const names = { taken: [] as string[], partly: [] as string[], drawn: [] as string[] }
  for (const [index, entry] of specify(shape).entries()) {
    const { name } = entry
    const given = source.isLeftOut(name) ? undefined : source.weights.get(nameIn(source, name))
    if (entry.role === 'num_batches_tracked') {
      if (given) weights.set(name, given)
      continue
    }
    const rows = ofStructures.has(name) ? source.rows : undefined
    const found = given && fits(given, entry, rows) ? given : undefined
    const origin = !found ? 'drawn' : rows?.includes(-1) ? 'partly' : 'taken'
    names[origin].push(name)
    const initial = origin === 'taken' ? undefined : initialValues(entry, index, initialisation)
    weights.set(name, found ? (rows ? withRows(found, entry, rows, initial) : found) : f32(entry, initial!))
  }
  return { weights, ...names }
}

/** The name under which the source has the tensor; that of no tensor if the source lacks its structure. */
function nameIn({ rows }: Source, name: string): string {
  const [, before, number, after] = CLASSIFIER.exec(name) ?? []
  return number === undefined ? name : `${before}${rows[Number(number)]}${after}`
}

/** Whether a tensor has the entry's shape; if it has rows, whether any is wanted and of that shape. */
function fits({ shape }: TorchTensor, entry: Entry, rows: readonly number[] | undefined): boolean {
  if (!rows) return shape.join() === entry.shape.join()
  return rows.some(row => row >= 0) && shape.slice(1).join() === entry.shape.slice(1).join()
}

/** The entries whose first axis is the structures: those that an additional structure would lengthen. */
function rowEntries(shape: SadaanShape): Set<string> {
  const longer = new Map(
    specify({ ...shape, structures: shape.structures + 1 }).map(entry => [entry.name, entry.shape]),
  )
  return new Set(
    specify(shape)
      .filter(entry => longer.get(entry.name)?.[0] !== entry.shape[0])
      .map(({ name }) => name),
  )
}

/** Row s is the found tensor's row `rows[s]`, or for −1 that of `initial`. */
function withRows(
  found: TorchTensor,
  entry: Entry,
  rows: readonly number[],
  initial = new Float32Array(sizeOf(entry.shape)),
): TorchTensor {
  const length = sizeOf(entry.shape.slice(1))
  for (const [s, row] of rows.entries())
    if (row >= 0) initial.set(found.data.subarray(row * length, (row + 1) * length) as Float32Array, s * length)
  return f32(entry, initial)
}

function f32({ shape }: Entry, data: Float32Array): TorchTensor {
  return { dtype: 'f32', shape, data }
}
