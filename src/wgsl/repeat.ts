const REPEAT = /^\s*#repeat\s+(\w+):\s*(.+)$/
const END = /^\s*#end\s*$/
/** Must not remain after expansion. */
const LEFT = /^\s*#(?:repeat|end)\b|\$/
const RANGE = /^(\d+)\.\.(\d+)$/

/** Replaces each `$NAME` and `${NAME}` in a text by its word. */
export function withWords(text: string, words: Readonly<Record<string, string>>): string {
  return text.replace(
    /\$(?:(\w+)|\{(\w+)\})/g,
    (mark, bare?: string, braced?: string) => words[bare ?? braced!] ?? mark,
  )
}

/**
 * Expands the `#repeat` blocks of a shader, outer ones first:
 *
 *     #repeat i: 0..3
 *     let x$i = load(at + $i * step);
 *     #end
 *
 * gives the line three times, with `$i` = 0, 1 and 2. Words can be listed too: `#repeat T: f32 vec3f`. Throws Error on a block without
 * `#end` or a word without a value.
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

/** The line that ends the block at `start`; −1 if there is none. */
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
