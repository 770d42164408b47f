import { InputError } from '../../util/error.ts'
import { listed } from '../../util/listing.ts'
import { firstRepeated } from '../../util/repeated.ts'

/** A structure of the new dataset and its marks: values in a label map, or mask files in a subject's folder. Each of them marks it. */
export interface LabelledStructure {
  name: string
  marks: readonly (number | string)[]
}

/**
 * Parses "csf=4,whole tumour=1+2+3,liver": the values or file names that mark each structure; a name alone means the file of that name.
 * Throws InputError with the invalid part.
 */
export function parseStructures(text: string): LabelledStructure[] {
  return text.split(',').map(part => {
    const [name = '', marks = name, ...more] = part.split('=').map(piece => piece.trim())
    const given = marks.split('+').map(mark => (/^-?\d+$/.test(mark.trim()) ? Number(mark) : mark.trim()))
    if (!name || more.length > 0 || given.some(mark => mark === '' || mark === 0))
      throw new InputError(
        `structures: '${part}', expected name=value with an integer other than 0, as in grey=5 or tumour=1+2+3, or the name of a file`,
      )
    return { name, marks: given }
  })
}

/** Parses "liver,spleen". Throws InputError for an empty name. */
export function parseNames(text: string): string[] {
  const names = text.split(',').map(name => name.trim())
  if (names.includes('')) throw new InputError(`'${text}': expected names separated by commas`)
  return names
}

const MOST_IN_RANGE = 100_000

/** Parses "1,2,7-12": label values. Throws InputError with the invalid part. */
export function parseValues(text: string): number[] {
  return text.split(',').flatMap(part => {
    const [, first, last = first] = /^ *(-?\d+)(?:-(\d+))? *$/.exec(part) ?? []
    const count = Number(last) - Number(first) + 1
    if (first === undefined || !(count >= 1 && count <= MOST_IN_RANGE))
      throw new InputError(`'${part}': expected label values, as in 1,2,7-12`)
    return Array.from({ length: count }, (_, i) => Number(first) + i)
  })
}

/** Throws InputError with `where` if two structures have the same name or the same marks. */
export function checkStructures(structures: readonly LabelledStructure[], where: string): void {
  if (structures.length === 0) throw new InputError(`${where}: names no structure`)
  const marks = structures.map(structure => [...structure.marks].sort().join('+'))
  for (const [key, all] of [['name', structures.map(({ name }) => name)] as const, ['value', marks] as const]) {
    const twice = firstRepeated(all)
    if (twice !== undefined) throw new InputError(`${where}: structure ${key} ${twice} is given twice`)
  }
}

/** Structures as one types them, for a message: "csf=4, tumour=1+2". */
export function structuresText(structures: readonly LabelledStructure[]): string {
  return listed(structures.map(({ name, marks }) => `${name}=${marks.join('+')}`))
}
