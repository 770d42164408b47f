import type { TorchTensor } from '../checkpoint/pickle/torch_tensor.ts'
import { type SadaanShape, specify } from '../nn/specification.ts'
import { sizeOf } from '../util/shape.ts'
import type { Weights } from './model_weights.ts'

/** For each name in `wanted` a different number of `own`, of as many names: that of the same name, else one that no other name takes. */
export function rowsByName(own: readonly string[], wanted: readonly string[]): number[] {
  const free = new Set(own.keys())
  const take = (row: number | undefined): number | undefined => {
    if (row !== undefined) free.delete(row)
    return row
  }
  const named = wanted.map(name => take([...free].find(row => own[row] === name)))
  return named.map(row => row ?? take([...free][0])!)
}

/** Entries of the state dict that belong to one structure: its number is part of the name. */
const CLASSIFIER = /^(absence_detector\.absence_classifiers\.)(\d+)(\..*)$/

/** The model with its structures in another order: structure s is the given model's structure `rows[s]`. */
export function withStructureRows(weights: Weights, shape: SadaanShape, rows: readonly number[]): Weights {
  const layered = rowEntries(shape)
  return new Map(
    [...weights].map(([name, values]): [string, TorchTensor] => {
      const [, before, number, after] = CLASSIFIER.exec(name) ?? []
      if (number !== undefined) return [name, weights.get(`${before}${rows[Number(number)]}${after}`) ?? values]
      return [name, layered.has(name) ? withRows(values, rows) : values]
    }),
  )
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

function withRows(values: TorchTensor, rows: readonly number[]): TorchTensor {
  if (values.shape[0] !== rows.length) return values // of another model, which loading refuses
  const length = sizeOf(values.shape) / rows.length
  const data = values.data.slice() as typeof values.data
  for (const [s, row] of rows.entries())
    data.set(values.data.subarray(row * length, (row + 1) * length) as never, s * length)
  return { ...values, data } as TorchTensor
}
