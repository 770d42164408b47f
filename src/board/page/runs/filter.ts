/** A value that a filter compares: of a column or of a setting. */
export type Value = string | number | boolean | null | undefined

export interface Filter {
  keeps(valueAt: (key: string) => Value, texts: readonly string[]): boolean
  /** what of the expression is not understood */
  problem: string | undefined
}

const TERM = /^([\w./-]+?)(>=|<=|!=|=|>|<|~)(.*)$/s

/**
 * A filter such as `training.learning_rate>1e-3 status=RUNNING kidney`: comparisons (`=`, `!=`, `<`, `<=`, `>`, `>=`, `~` contains) and words, all of
 * which must hold. A key may be the end of a longer one; quotes hold a value with spaces. `keys` are those that exist.
 */
export function parseFilter(text: string, keys: readonly string[]): Filter {
  const tests: Filter['keeps'][] = []
  let problem: string | undefined
  for (const word of wordsOf(text)) {
    const [, name, operator, wanted] = TERM.exec(word) ?? []
    if (name === undefined) {
      const sought = word.toLowerCase()
      tests.push((_, texts) => texts.some(each => each.toLowerCase().includes(sought)))
      continue
    }
    const key = keyFor(name, keys)
    if (typeof key === 'string') tests.push(valueAt => holds(valueAt(key), operator!, wanted!))
    else problem ??= key.problem
  }
  return { keeps: (valueAt, texts) => tests.every(test => test(valueAt, texts)), problem }
}

/** Words of an expression; a quoted part may hold spaces. */
function wordsOf(text: string): string[] {
  const words = text.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? []
  return words.map(word => word.replaceAll('"', ''))
}

function keyFor(name: string, keys: readonly string[]): string | { problem: string } {
  if (keys.includes(name)) return name
  const ending = keys.filter(key => key.endsWith(`.${name}`))
  if (ending.length === 1) return ending[0]!
  if (ending.length > 1) return { problem: `${name} may be ${ending.join(' or ')}` }
  return { problem: `no run has a setting or column ${name}` }
}

function holds(value: Value, operator: string, wanted: string): boolean {
  const number = wanted.trim() === '' ? Number.NaN : Number(wanted)
  const isNumeric = typeof value === 'number' && !Number.isNaN(number)
  const text = String(value ?? '').toLowerCase()
  const sought = wanted.toLowerCase()
  switch (operator) {
    case '=':
      return isNumeric ? value === number : text === sought
    case '!=':
      return isNumeric ? value !== number : text !== sought
    case '~':
      return text.includes(sought)
    case '>':
      return isNumeric && value > number
    case '>=':
      return isNumeric && value >= number
    case '<':
      return isNumeric && value < number
    default:
      return isNumeric && value <= number
  }
}
