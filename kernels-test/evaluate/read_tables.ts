/** The rows of a plain-text table by their first cell; the table is the one whose headings have `heading`. */
export function textTable(report: string, heading: string): Map<string, string[]> {
  const lines = report.split('\n')
  const rule = lines.findIndex(
    (line, i) => /^-+( {2}-+)+$/.test(line) && lines[i - 1]!.split(/ {2,}/).includes(heading),
  )
  const rows = lines.slice(rule + 1)
  const end = rows.findIndex(line => !/ {2}/.test(line))
  return new Map(rows.slice(0, end < 0 ? undefined : end).map(line => [nameOf(line), cellsOf(line)]))
}

function nameOf(line: string): string {
  return line.split(/ {2,}/)[0]!
}

function cellsOf(line: string): string[] {
  return line.split(/ {2,}/).slice(1)
}

export interface HtmlTableCell {
  text: string
  /** the number that the page sorts by, in full; null if undefined */
  value: number | null
}

/** The tables of a page by caption; their rows by first cell. */
export function htmlTables(page: string): Map<string, Map<string, HtmlTableCell[]>> {
  const tables = [...page.matchAll(/<caption>([^<]*)<\/caption>[\s\S]*?<tbody>([\s\S]*?)<\/tbody>/g)]
  return new Map(tables.map(([, caption, body]) => [caption!, rowsOf(body!)]))
}

function rowsOf(body: string): Map<string, HtmlTableCell[]> {
  const rows = [...body.matchAll(/<tr>([\s\S]*?)<\/tr>/g)].map(([, row]) => row!)
  return new Map(rows.map(row => [plain(/<th [^>]*>(.*?)<\/th>/.exec(row)![1]!), cellsIn(row)]))
}

function cellsIn(row: string): HtmlTableCell[] {
  return [...row.matchAll(/<td([^>]*)>(.*?)<\/td>/g)].map(([, attributes, content]) => {
    const value = /data-value="([^"]*)"/.exec(attributes!)?.[1]
    return { text: plain(content!), value: value ? Number(value) : null }
  })
}

function plain(html: string): string {
  return html.replace(/<[^>]*>/g, '')
}
