import { regionColor } from '../report/chart/palette.ts'

/** What the values of labels.nii.gz mean, as JSON. `files` are the names of the masks. */
export function labelTable(structureNames: readonly string[], files: readonly string[]): string {
  const labels = structureNames.map((name, s) => ({
    value: s + 1,
    name,
    color: regionColor(s),
    mask: `masks/${files[s]}.nii.gz`,
  }))
  const rule = 'where masks overlap, the structure of the highest probability'
  return `${JSON.stringify({ rule, labels: [{ value: 0, name: 'background' }, ...labels] }, null, 2)}\n`
}

/** The same as a label description of ITK-SNAP: value, red, green, blue, opacity, visible, in meshes, name. */
export function labelDescription(structureNames: readonly string[]): string {
  const line = (value: number, color: string, isShown: 0 | 1, name: string): string => {
    const [red, green, blue] = [1, 3, 5].map(at => Number.parseInt(color.slice(at, at + 2), 16))
    return `${value} ${red} ${green} ${blue} ${isShown} ${isShown} ${isShown} "${name.replace(/["\p{Cc}]/gu, "'")}"\n`
  }
  const lines = structureNames.map((name, s) => line(s + 1, regionColor(s), 1, name))
  return [line(0, '#000000', 0, 'Clear Label'), ...lines].join('')
}
