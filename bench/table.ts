/** Columns of a text table; numbers are right-aligned. */
export interface Column<Row> {
  title: string
  value(row: Row): string | number | undefined
}

/** A plain-text table: one line per row, columns as wide as necessary, undefined cells empty. */
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

/** The same as a Markdown table. */
export function markdownTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const lineOf = (cells: readonly (string | number)[]): string =>
    `| ${cells.map(cell => String(cell).replaceAll('|', '\\|')).join(' | ')} |`
  const cellsOf = (row: Row): (string | number)[] => columns.map(({ value }) => value(row) ?? '')
  const titles = lineOf(columns.map(({ title }) => title))
  return [titles, lineOf(columns.map(() => '---')), ...rows.map(row => lineOf(cellsOf(row)))].join('\n')
}

/** A number with three significant digits. */
export function short(value: number): number {
  return Number(value.toPrecision(3))
}

/** e.g. 0.4567 → '45.7 %' */
export function percent(share: number): string {
  return `${(100 * share).toPrecision(3)} %`
}
