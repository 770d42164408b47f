import { UNDEFINED as DASH } from '../../util/statistics.ts'
import { escaped } from '../chart/svg.ts'

const VOID = new Set(['meta', 'br', 'hr'])

/** HTML that can be inserted as is. */
export type Html = string

/** Makes an element without its undefined attributes. `children` must be HTML. The result is also well-formed XML. */
export function tag(name: string, attributes: Readonly<Record<string, string | undefined>>, ...children: Html[]): Html {
  const list = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escaped(value!)}"`)
    .join('')
  return VOID.has(name) ? `<${name}${list}/>` : `<${name}${list}>${children.join('')}</${name}>`
}

/** Escapes arbitrary text, and isolates it so that right-to-left text does not reorder its neighbours. */
export function given(content: string): Html {
  return tag('bdi', {}, escaped(content))
}

/** Stands for an undefined metric. */
export const UNDEFINED: Html = tag('span', { class: 'faint', title: 'undefined' }, DASH)

/** A column of a table. Numbers are right-aligned. */
export interface HtmlColumn {
  heading: string
  isNumber: boolean
}

/** A cell: HTML, or a number and its decimals; null is undefined. */
export type HtmlCell = Html | { value: number | null; digits: number }

/** A sortable table that scrolls on narrow screens. The first cell of a row is its header. */
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
  // a scrolling region must be reachable by keyboard
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
