/** A column's heading and on which side its cells stand. */
export interface Column {
  heading: string
  align: 'left' | 'right'
}

/** Lines of a table in plain text: headings, a rule, the rows; columns are two blanks apart. A row has one cell a column. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
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

/** Characters as a reader counts them. */
function widthOf(text: string): number {
  return [...text].length
}
