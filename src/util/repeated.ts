/** The first item that occurs earlier in the list; undefined if all differ. */
export function firstRepeated<T>(items: readonly T[]): T | undefined {
  const seen = new Set<T>()
  return items.find(item => seen.has(item) || !seen.add(item))
}
