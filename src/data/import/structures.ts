import { InputError } from '../../util/error.ts'

/** A structure of the new dataset and what marks it: values of a label volume, or files of a subject's folder. Any of them does. */
export interface LabelledStructure {
  name: string
  marks: readonly (number | string)[]
}

/**
 * Reads "csf=4,whole tumour=1+2+3,liver": values, or file names, that mark a structure; a name alone is the file of that name.
 * Throws InputError naming the part that is wrong.
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

/** Reads "liver,spleen". Throws InputError on an empty name. */
export function parseNames(text: string): string[] {
  const names = text.split(',').map(name => name.trim())
  if (names.includes('')) throw new InputError(`'${text}': expected names, separated by commas`)
  return names
}

/** Throws InputError naming `where` when a structure is named twice, or two are marked alike. */
export function checkStructures(structures: readonly LabelledStructure[], where: string): void {
  if (structures.length === 0) throw new InputError(`${where}: names no structure`)
  const marks = structures.map(structure => [...structure.marks].sort().join('+'))
  for (const [key, all] of [['name', structures.map(({ name }) => name)] as const, ['value', marks] as const]) {
    const twice = all.find((item, i) => all.indexOf(item) !== i)
    if (twice !== undefined) throw new InputError(`${where}: structure ${key} ${twice} is given twice`)
  }
}
