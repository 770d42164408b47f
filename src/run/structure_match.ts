import { InputError } from '../util/error.ts'
import { listed } from '../util/listing.ts'

/** Structures in order, and whose they are. */
export interface NamedStructures {
  /** of the file or folder */
  path: string
  names: readonly string[]
}

/** The structures of a model in a dataset, matched by name. */
export interface StructureMatch {
  /** for each structure of the model its number in the dataset, or −1 if the dataset lacks it */
  masksAt: number[]
  isReordered: boolean
  /** names that only one of them has */
  onlyInModel: string[]
  onlyInDataset: string[]
}

/** Throws InputError if model and dataset have no structure in common. */
export function matchStructures(model: NamedStructures, dataset: NamedStructures): StructureMatch {
  const masksAt = model.names.map(name => dataset.names.indexOf(name))
  const found = masksAt.filter(at => at >= 0)
  if (found.length === 0)
    throw new InputError(
      `${dataset.path}: has the structures ${listed(dataset.names)}, ${model.path} predicts ${listed(model.names)}: none in common; if some are the same, give them the same name in structure_names of metadata.json`,
    )
  return {
    masksAt,
    isReordered: found.some((at, i) => i > 0 && at < found[i - 1]!),
    onlyInModel: model.names.filter((_, s) => masksAt[s]! < 0),
    onlyInDataset: dataset.names.filter(name => !model.names.includes(name)),
  }
}

/** What a user should know about a match before reading the metrics of the model on the dataset. */
export function matchWarnings(
  { onlyInModel, onlyInDataset }: StructureMatch,
  model: NamedStructures,
  dataset: NamedStructures,
): string[] {
  const lines = []
  if (onlyInModel.length > 0) lines.push(`${dataset.path} does not annotate ${listed(onlyInModel)}: not evaluated`)
  if (onlyInDataset.length > 0)
    lines.push(`${model.path} does not predict ${listed(onlyInDataset)} of ${dataset.path}: left out`)
  return lines
}
