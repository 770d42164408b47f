import { readModelFile } from '../checkpoint/weights.ts'
import type { Dataset } from '../data/dataset/dataset.ts'
import type { SadaanShape } from '../nn/specification.ts'
import { factDifferences } from '../run/dataset_facts.ts'
import { floatsOf, type Weights } from '../run/model_weights.ts'
import { rowsByName, withStructureRows } from '../run/structure_rows.ts'
import { trainedModelOf } from '../run/trained_model.ts'
import { listed } from '../util/listing.ts'

/**
 * The weights in `path` for a model of this dataset: each structure starts from the weights of the same name, if the file names its
 * structures. Tells `say` which have no namesake, and how the dataset differs from that of the file. Throws InputError if the file cannot be
 * read or holds another model.
 */
export function pretrainedWeights(
  path: string,
  { dataset, shape }: { dataset: Dataset; shape: SadaanShape },
  say: (line: string) => void,
): Weights {
  const file = readModelFile(path)
  floatsOf(shape, file.tensors, path)
  const model = trainedModelOf(file, path)
  for (const line of factDifferences(model, dataset)) say(`warning: ${line}`)
  const { structureNames: own, weights } = model
  const wanted = dataset.structureNames
  if (!own || own.join('\0') === wanted.join('\0')) return weights
  const rows = rowsByName(own, wanted)
  const strangers = [...rows.keys()].filter(s => own[rows[s]!] !== wanted[s])
  if (strangers.length > 0) {
    const [to, from] = [strangers.map(s => wanted[s]!), strangers.map(s => own[rows[s]!]!)].map(names => listed(names))
    say(`warning: ${path} does not name ${to}: trained from its weights of ${from}`)
  }
  if (rows.every((row, s) => row === s)) return weights
  say(`${path} has the structures in another order than ${dataset.directory}: their weights are matched by name`)
  return withStructureRows(weights, shape, rows)
}
