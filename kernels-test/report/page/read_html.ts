/** The parts of a page. */
export interface ReadPage {
  /** names of elements in order */
  elements: string[]
  /** attributes that could refer to something outside, e.g. href="…" */
  references: string[]
  /** the visible text, without style and script */
  text: string
}

const TAG = /<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g

/** Reads a page. Throws if it is not well-formed XML, apart from its first line and the text of style and script. */
export function readPage(html: string): ReadPage {
  const body = html
    .replace(/^<!DOCTYPE html>\n/, '')
    .replace(/(<(style|script)>)[\s\S]*?(<\/\2>)/g, (_, open: string, __, close: string) => open + close)
  const page: ReadPage = { elements: [], references: [], text: '' }
  const open: string[] = []
  let end = 0
  for (const match of body.matchAll(TAG)) {
    page.text += plainText(body.slice(end, match.index))
    end = match.index + match[0].length
    const [, closing, name, attributes, single] = match as unknown as [string, string, string, string, string]
    if (closing) {
      const expected = open.pop()
      if (expected !== name) throw new Error(`</${name}> where </${expected}> was expected`)
      continue
    }
    page.elements.push(name)
    for (const [reference] of attributes.matchAll(/\b(?:href|src|srcset|data|action|poster)="[^"]*"/g))
      page.references.push(reference)
    if (!single) open.push(name)
  }
  page.text += plainText(body.slice(end))
  if (open.length) throw new Error(`not closed: ${open.join(' ')}`)
  return page
}

/** Text between elements. Throws at a character that would begin an element. */
function plainText(text: string): string {
  const stray = text.match(/[<>]|&(?!#\d+;)/)
  if (stray) throw new Error(`${stray[0]} in the text ${text.slice(0, 80)}`)
  return `${text.replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))} `
}
