const REPEAT = /^\s*#repeat\s+(\w+):\s*(.+)$/
const END = /^\s*#end\s*$/
/** What no line holds once all is written out. */
const LEFT = /^\s*#(?:repeat|end)\b|\$/
const RANGE = /^(\d+)\.\.(\d+)$/

/** Writes a word for each `$NAME` and `${NAME}` in a text. */
export function withWords(text: string, words: Readonly<Record<string, string>>): string {
  return text.replace(
    /\$(?:(\w+)|\{(\w+)\})/g,
    (mark, bare?: string, braced?: string) => words[bare ?? braced!] ?? mark,
  )
}

/**
 * Writes out the `#repeat` blocks of a shader, outer ones first:
 *
 *     #repeat i: 0..3
 *     let x$i = load(at + $i * step);
 *     #end
 *
 * has the line three times, `$i` being 0, 1 and 2. Words may be listed too: `#repeat T: f32 vec3f`. Throws Error that says what is wrong.
 */
export function unroll(shader: string, text: string): string {
  const lines = expand(text.split('\n'))
  const left = lines.find(line => LEFT.test(line))
  if (left === undefined) return lines.join('\n')
  throw new Error(`${shader}.wgsl: "${left.trim()}": expected an #end for each #repeat and a value for each $NAME`)
}

function expand(lines: readonly string[]): readonly string[] {
  const start = lines.findIndex(line => REPEAT.test(line))
  const end = endOf(lines, start)
  if (start < 0 || end < 0) return lines
  const [, name, words] = REPEAT.exec(lines[start]!)!
  const body = lines.slice(start + 1, end).join('\n')
  const copies = listed(words!).map(word => withWords(body, { [name!]: word }))
  return [
    ...lines.slice(0, start),
    ...copies.flatMap(copy => expand(copy.split('\n'))),
    ...expand(lines.slice(end + 1)),
  ]
}

/** The line that ends the block begun at `start`; -1 where there is none. */
function endOf(lines: readonly string[], start: number): number {
  let open = 0
  return lines.findIndex((line, i) => {
    if (i < start) return false
    if (REPEAT.test(line)) open++
    if (END.test(line)) open--
    return open === 0
  })
}

function listed(words: string): string[] {
  return words.split(/\s+/).flatMap(word => {
    const [, from, to] = RANGE.exec(word) ?? []
    if (to === undefined) return [word]
    return Array.from({ length: Number(to) - Number(from) }, (_, i) => String(Number(from) + i))
  })
}
