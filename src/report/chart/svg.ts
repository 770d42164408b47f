export const FONT = 'DejaVu Sans'

/** Escapes text for an element or an attribute. Characters that XML forbids become the replacement character. */
export function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}

/** Formats a coordinate with at most two decimals. */
export function coordinate(value: number): string {
  return String(Math.round(value * 100) / 100)
}

type Attributes = Readonly<Record<string, string | number | undefined>>

/** Makes an element without its undefined attributes. `content` must be SVG. */
export function element(name: string, attributes: Attributes, content = ''): string {
  const list = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? coordinate(value) : escaped(value!)}"`)
    .join('')
  return content === '' ? `<${name}${list}/>` : `<${name}${list}>${content}</${name}>`
}

export interface TextStyle {
  size?: number
  anchor?: 'start' | 'middle' | 'end'
  fill?: string
  bold?: boolean
  /** degrees, around (x, y) */
  rotate?: number
}

export function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { size = 11, anchor = 'start', fill = INK, bold, rotate } = style
  const transform = rotate === undefined ? undefined : `rotate(${rotate} ${coordinate(x)} ${coordinate(y)})`
  const attributes = { x, y, 'font-size': size, 'text-anchor': anchor, fill, transform }
  return element('text', { ...attributes, 'font-weight': bold ? 'bold' : undefined }, escaped(content))
}

/** Text over an image: white with a dark rim, so that it shows on bright tissue as well as on dark. */
export function textOnImage(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end'): string {
  const rim = { stroke: '#000000', 'stroke-width': '2.6', 'stroke-linejoin': 'round', 'paint-order': 'stroke' }
  const style = { 'font-size': SMALL, 'font-weight': 'bold', 'text-anchor': anchor, fill: '#ffffff', ...rim }
  return element('text', { x, y, ...style }, escaped(content))
}

export function line(x1: number, y1: number, x2: number, y2: number, stroke: string, more: Attributes = {}): string {
  return element('line', { x1, y1, x2, y2, stroke, ...more })
}

export function rectangle(x: number, y: number, width: number, height: number, more: Attributes): string {
  return element('rect', { x, y, width, height, ...more })
}

/** A complete SVG document. */
export function picture(width: number, height: number, background: string, content: string): string {
  const [w, h] = [Math.ceil(width), Math.ceil(height)]
  const attributes = { xmlns: 'http://www.w3.org/2000/svg', width: w, height: h, viewBox: `0 0 ${w} ${h}` }
  return element(
    'svg',
    { ...attributes, 'font-family': `${FONT}, Verdana, sans-serif` },
    `${rectangle(0, 0, w, h, { fill: background })}\n${content}\n`,
  )
}

/** Estimated width of regular text in pixels, slightly more than DejaVu Sans needs. */
export function widthOf(content: string, size: number): number {
  let ems = 0
  for (const character of content) {
    if (/[ijlI.,:;'|!]/.test(character)) ems += 0.36
    else if (/[mwMW%@]|[\u0250-\u{10ffff}]/u.test(character)) ems += 0.98
    else ems += /[A-Z]/.test(character) ? 0.72 : 0.63
  }
  return ems * size
}

/** Shortens text to `width` pixels. An ellipsis marks what was cut. */
export function fitted(content: string, width: number, size: number): string {
  const flat = content.replace(/\s+/g, ' ')
  if (widthOf(flat, size) <= width) return flat
  const characters = [...flat.slice(0, Math.ceil(width))] // no character is narrower than a pixel
  while (characters.length > 1 && widthOf(`${characters.join('')}…`, size) > width) characters.pop()
  return `${characters.join('')}…`
}

/** Font size of ticks, legends and notes. */
export const SMALL = 10

export const INK = '#222222'
export const FAINT = '#6b6b6b'
export const GRID = '#e4e4e4'

export interface Box {
  x: number
  y: number
  width: number
  height: number
}
