/** Columns of a text table; numbers stand at the right. */
export interface Column<Row> {
  title: string
  value(row: Row): string | number | undefined
}

/** A table in plain text: one line a row, columns as wide as they need to be, nothing for undefined. */
export function textTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const cells = rows.map(row => columns.map(({ value }) => value(row) ?? ''))
  const width = (at: number): number =>
    Math.max(columns[at]!.title.length, ...cells.map(line => String(line[at]).length))
  const numeric = columns.map((_, at) => cells.some(line => typeof line[at] === 'number'))
  const widths = columns.map((_, at) => width(at))
  const lineOf = (line: readonly (string | number)[]): string =>
    line
      .map((cell, at) => (numeric[at] ? String(cell).padStart(widths[at]!) : String(cell).padEnd(widths[at]!)))
      .join('  ')
      .trimEnd()
  return [lineOf(columns.map(({ title }) => title)), ...cells.map(lineOf)].join('\n')
}

/** The same as a table in Markdown. */
export function markdownTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const lineOf = (cells: readonly (string | number)[]): string =>
    `| ${cells.map(cell => String(cell).replaceAll('|', '\\|')).join(' | ')} |`
  const cellsOf = (row: Row): (string | number)[] => columns.map(({ value }) => value(row) ?? '')
  const titles = lineOf(columns.map(({ title }) => title))
  return [titles, lineOf(columns.map(() => '---')), ...rows.map(row => lineOf(cellsOf(row)))].join('\n')
}

/** Three significant digits, as a number. */
export function short(value: number): number {
  return Number(value.toPrecision(3))
}

/** e.g. 0.4567 → '45.7 %' */
export function percent(share: number): string {
  return `${(100 * share).toPrecision(3)} %`
}
