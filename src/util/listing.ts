const MOST_LISTED = 10

/** Names for one line of a message: at most ten, then how many more there are. Control characters are escaped. */
export function listed(names: readonly string[], separator = ', '): string {
  const shown = names.slice(0, MOST_LISTED).map(printable).join(separator)
  return names.length <= MOST_LISTED ? shown : `${shown} and ${names.length - MOST_LISTED} more`
}

/** Text for one line of a terminal: control characters, line separators and marks of writing direction become `\u{…}`. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, escaped)
}

function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`
}
