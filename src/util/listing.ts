const MOST_LISTED = 10
const LONGEST_NAME = 200 // characters of a name in a list
const LONGEST_LINE = 600 // characters of a message

/** Names for one line of a message: at most ten, then how many more there are. Control characters are escaped. */
export function listed(names: readonly string[], separator = ', '): string {
  const shown = names
    .slice(0, MOST_LISTED)
    .map(name => cut(printable(name), LONGEST_NAME))
    .join(separator)
  return names.length <= MOST_LISTED ? shown : `${shown} and ${names.length - MOST_LISTED} more`
}

/** A message as one line that a reader can take in: printable, and without its middle if it is very long. */
export function oneLine(text: string): string {
  return cut(printable(text), LONGEST_LINE)
}

function cut(text: string, most: number): string {
  if (text.length <= most) return text
  const end = Math.floor(most / 3)
  return `${text.slice(0, most - end - 1)}…${text.slice(-end)}`
}

/** Text for one line of a terminal: control characters, line separators and marks of writing direction become `\u{…}`. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, escaped)
}

function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`
}
