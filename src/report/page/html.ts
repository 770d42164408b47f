import { escaped } from '../chart/svg.ts'

const VOID = new Set(['meta', 'br', 'hr'])

/** HTML that may be put into an element as it stands. */
export type Html = string

/** An element. Attributes that are undefined are left out; children are HTML already. What this makes is well-formed XML too. */
export function tag(name: string, attributes: Readonly<Record<string, string | undefined>>, ...children: Html[]): Html {
  const list = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escaped(value!)}"`)
    .join('')
  return VOID.has(name) ? `<${name}${list}/>` : `<${name}${list}>${children.join('')}</${name}>`
}

/** Text that may be anything, kept from turning its neighbours around where it is written from right to left. */
export function given(content: string): Html {
  return tag('bdi', {}, escaped(content))
}

/** What stands for a figure that nothing gives a value to. */
export const UNDEFINED: Html = tag('span', { class: 'faint', title: 'undefined' }, '–')

/** A column of a table: its heading, what it means, on which side its cells stand. */
export interface HtmlColumn {
  heading: string
  isNumber: boolean
}

/** A cell: HTML, or a number with the digits that are shown; null is undefined. */
export type HtmlCell = Html | { value: number | null; digits: number }

/** A table that can be sorted, and scrolled where the screen is narrow. The first cell of a row is its name. */
export function htmlTable(
  caption: string,
  columns: readonly HtmlColumn[],
  rows: readonly (readonly HtmlCell[])[],
): Html {
  const classOf = (c: number): string | undefined => (columns[c]!.isNumber ? 'number' : undefined)
  const head = columns.map(({ heading }, c) => tag('th', { scope: 'col', class: classOf(c) }, escaped(heading)))
  const body = rows.map(row =>
    tag(
      'tr',
      {},
      ...row.map((cell, c) => (c === 0 ? tag('th', { scope: 'row' }, shown(cell)) : cellOf(cell, classOf(c)))),
    ),
  )
  const table = tag(
    'table',
    {},
    tag('caption', {}, escaped(caption)),
    tag('thead', {}, tag('tr', {}, ...head)),
    tag('tbody', {}, ...body),
  )
  // a region that scrolls must be reached by the keyboard
  return tag('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption }, table)
}

function cellOf(cell: HtmlCell, side: string | undefined): Html {
  const value = typeof cell === 'string' ? undefined : String(cell.value ?? '')
  return tag('td', { class: side, 'data-value': value }, shown(cell))
}

function shown(cell: HtmlCell): Html {
  if (typeof cell === 'string') return cell
  return cell.value === null ? UNDEFINED : cell.value.toFixed(cell.digits).replace('-', '−')
}
