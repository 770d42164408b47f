import { printable } from '../../util/listing.ts'

/** The heading and the alignment of a column. */
export interface Column {
  heading: string
  align: 'left' | 'right'
}

/** Lines of a plain-text table: headings, a rule, the rows. Columns are two spaces apart; a row has one cell per column. Control characters are escaped. */
export function table(columns: readonly Column[], given: readonly (readonly string[])[]): string[] {
  const rows = given.map(row => row.map(printable))
  const widths = columns.map(({ heading }, i) => Math.max(...[heading, ...rows.map(row => row[i]!)].map(widthOf)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => {
        const space = ' '.repeat(widths[i]! - widthOf(cell))
        return columns[i]!.align === 'left' ? cell + space : space + cell
      })
      .join('  ')
      .trimEnd()
  return [
    line(columns.map(({ heading }) => heading)),
    widths.map(width => '-'.repeat(width)).join('  '),
    ...rows.map(line),
  ]
}

/** Number of characters, not of UTF-16 units. */
function widthOf(text: string): number {
  return [...text].length
}
