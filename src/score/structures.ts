import type { DatasetJson } from '../data/import/dataset_json.ts'
import { readLabel, valuesOf } from '../data/import/labels.ts'
import type { LabelFiles } from '../data/import/pairs.ts'
import { checkStructures, type LabelledStructure } from '../data/import/structures.ts'
import { InputError } from '../util/error.ts'

/**
 * The structures to score: the given ones, else those of the dataset.json, else every mask file of the labels, or every value that occurs in
 * them, by its name in a table of the file's header or as label_N. Throws InputError if there are none, or labels are of both kinds.
 */
export function structuresToScore(
  given: readonly LabelledStructure[] | undefined,
  json: DatasetJson | undefined,
  labels: readonly LabelFiles[],
): readonly LabelledStructure[] {
  if (given) checkStructures(given, 'score')
  return given ?? json?.structures ?? occurringIn(labels)
}

function occurringIn(labels: readonly LabelFiles[]): LabelledStructure[] {
  const [first] = labels
  const other = labels.find(({ kind }) => kind !== first!.kind)
  if (other) throw new InputError(`${other.path}: is a ${other.kind}, but ${first!.path} is not; expected --structures`)
  const files = new Set(labels.flatMap(label => (label.kind === 'folder' ? [...label.files.keys()] : [])))
  const structures = files.size > 0 ? [...files].sort().map(name => ({ name, marks: [name] })) : valuesIn(labels)
  checkStructures(structures, 'score')
  return structures
}

function valuesIn(labels: readonly LabelFiles[]): LabelledStructure[] {
  const values = new Set<number>()
  const names = new Map<number, string>()
  for (const { path } of labels) {
    const scan = readLabel(path)
    for (const value of valuesOf(scan)) values.add(value)
    for (const [value, name] of scan.labelNames ?? []) {
      const before = names.get(value) ?? name
      if (before !== name)
        throw new InputError(
          `${path}: its header names label ${value} '${name}', another one '${before}'; expected --structures`,
        )
      names.set(value, name)
    }
  }
  if (values.size === 0) throw new InputError(`${labels[0]!.path}: neither it nor another label has a value besides 0`)
  return [...values]
    .sort((a, b) => a - b)
    .map(value => ({ name: names.get(value) ?? `label_${value}`, marks: [value] }))
}
