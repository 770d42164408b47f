/** One line of a CSV file (RFC 4180, but with LF line ends). */
export function csvLine(cells: readonly (string | number)[]): string {
  return `${cells.map(cell => (typeof cell === 'number' ? String(cell) : quoted(cell))).join(',')}\n`
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** The rows of CSV text (RFC 4180), each as an object by the names in its first line. A cell that a row lacks is empty. */
export function csvRecords(text: string): Record<string, string>[] {
  const [names = [], ...rows] = rowsOf(text)
  return rows.map(row => Object.fromEntries(names.map((name, i) => [name, row[i] ?? ''])))
}

function rowsOf(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    row.push(quoted?.replaceAll('""', '"') ?? plain)
    if (end === ',') continue
    // the text ends with a line end
    if (row.length > 1 || row[0] !== '') rows.push(row)
    row = []
  }
  return rows
}
