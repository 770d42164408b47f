import { InputError } from '../util/error.ts'
import { listed } from '../util/listing.ts'
import type { ComparedSplit } from './comparison.ts'

/**
 * What makes evaluations incomparable although they are compared: another model, threshold or split than the others or the option say, or
 * other structures. As far as the files state it. Throws InputError if two of them have no structure in common.
 */
export function contradictions(splits: readonly ComparedSplit[]): string[] {
  return [
    ...splits.flatMap(wrongSplit),
    ...differing(splits, 'weights', ({ evaluated }) => evaluated && [evaluated.weights].flat().join(' and ')),
    ...differing(splits, 'presence_threshold', ({ evaluated }) => evaluated?.presence_threshold),
    ...otherStructures(splits),
  ]
}

function wrongSplit({ name, path, metrics: { evaluated } }: ComparedSplit): string[] {
  if (!evaluated || evaluated.split === name) return []
  return [`${path}: is an evaluation of the split ${evaluated.split}, given as ${name}`]
}

function differing(
  splits: readonly ComparedSplit[],
  key: string,
  stated: (metrics: ComparedSplit['metrics']) => string | number | undefined,
): string[] {
  const values = splits.flatMap(({ name, metrics }) => {
    const value = stated(metrics)
    return value === undefined ? [] : [{ name, value }]
  })
  if (new Set(values.map(({ value }) => value)).size < 2) return []
  return [`the evaluations differ in ${key}: ${values.map(({ name, value }) => `${name} ${value}`).join(', ')}`]
}

function otherStructures(splits: readonly ComparedSplit[]): string[] {
  const namesOf = ({ metrics }: ComparedSplit): string[] => Object.keys(metrics.presence_per_structure)
  const all = [...new Set(splits.flatMap(namesOf))]
  return splits.flatMap(split => {
    const own = new Set(namesOf(split))
    const other = splits.find(each => !namesOf(each).some(name => own.has(name)))
    if (other)
      throw new InputError(
        `${split.path}: evaluates ${listed([...own])}, ${other.path} ${listed(namesOf(other))}: expected evaluations with a structure in common`,
      )
    const missing = all.filter(name => !own.has(name))
    return missing.length > 0 ? [`${split.path}: has no ${listed(missing)}, which other evaluations have`] : []
  })
}
