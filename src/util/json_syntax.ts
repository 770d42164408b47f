/** The first position at which `text` is not JSON, and what was expected there. For text that JSON.parse refused. */
export function firstSyntaxError(text: string): { offset: number; expected: string } {
  const scanner = new Scanner(text)
  const expected = scanner.scan()
  return { offset: scanner.offset, expected }
}

const SPACE = /[ \t\r\n]*/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these inside a string
const TEXT = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.])/y

/** Walks the grammar of RFC 8259 without recursion. JSON.parse of Node 20 does not always say where it stopped. */
class Scanner {
  offset = 0
  private readonly text: string
  private readonly closers: string[] = [] // of the open lists and dictionaries
  private isFirst = false // directly after an opening bracket, where the closing one may follow

  constructor(text: string) {
    this.text = text
  }

  /** Moves to the first error and returns what was expected there. */
  scan(): string {
    for (;;) {
      const expected = this.item() ?? this.afterItem()
      if (expected !== undefined) return expected
    }
  }

  /** A value (with its key inside a dictionary), an opening bracket, or the end of an empty list or dictionary. */
  private item(): string | undefined {
    const closer = this.closers.at(-1)
    if (this.isFirst && this.sign(closer!)) {
      this.closers.pop()
      this.isFirst = false
      return undefined
    }
    if (closer === '}') {
      this.match(SPACE)
      if (!this.match(TEXT)) return `a key in double quotes${this.isFirst ? " or '}'" : ''}`
      if (!this.sign(':')) return "':'"
    }
    this.isFirst = this.sign('{') || this.sign('[')
    if (this.isFirst) this.closers.push(this.text[this.offset - 1] === '{' ? '}' : ']')
    else if (!this.match(TEXT) && !this.match(SCALAR)) return 'a JSON value'
    return undefined
  }

  /** What may follow a value: closing brackets, then a comma or the end of the file. */
  private afterItem(): string | undefined {
    if (this.isFirst) return undefined
    while (this.closers.length > 0 && this.sign(this.closers.at(-1)!)) this.closers.pop()
    if (this.closers.length > 0) return this.sign(',') ? undefined : `',' or '${this.closers.at(-1)}'`
    this.match(SPACE)
    return 'the end of the file'
  }

  private match(pattern: RegExp): boolean {
    pattern.lastIndex = this.offset
    const found = pattern.test(this.text)
    if (found) this.offset = pattern.lastIndex
    return found
  }

  private sign(sign: string): boolean {
    this.match(SPACE)
    if (this.text[this.offset] !== sign) return false
    this.offset++
    return true
  }
}

/** Brackets and braces open at once that any file of this program needs; a walk over what is nested as deep as a file may go would overflow. */
export const DEEPEST = 100

/** Whether JSON text is nested deeper than any file of this program needs to be. Takes no memory, so it comes before parsing. */
export function isTooDeep(text: string): boolean {
  let depth = 0
  for (const [sign] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (sign === '[' || sign === '{') depth++
    else if (sign === ']' || sign === '}') depth--
    if (depth > DEEPEST) return true
  }
  return false
}
