/** The smallest normal float32. */
const SMALLEST_NORMAL = 2 ** -126

/**
 * Adds arrays of equal length into the first, as a balanced binary tree in their order: the left half of n arrays is the largest power of two
 * below n. So a tree over trees of 2^k arrays each is the tree over all of them. The others are overwritten.
 * @param flush whether subnormal inputs and sums become zeros of their sign, as on adapters that do so
 */
export function addTree(arrays: readonly Float32Array[], flush: boolean): void {
  if (arrays.length < 2) return
  const half = 2 ** Math.floor(Math.log2(arrays.length - 1))
  addTree(arrays.slice(0, half), flush)
  addTree(arrays.slice(half), flush)
  if (flush) addFlushed(arrays[0]!, arrays[half]!)
  else addExactly(arrays[0]!, arrays[half]!)
}

// The sum of two float32 in float64, rounded to float32, is their float32 sum: 53 bits are more than twice 24 and two.

function addExactly(into: Float32Array, from: Float32Array): void {
  for (let i = 0; i < into.length; i++) into[i]! += from[i]!
}

function addFlushed(into: Float32Array, from: Float32Array): void {
  for (let i = 0; i < into.length; i++) into[i] = flushed(Math.fround(flushed(into[i]!) + flushed(from[i]!)))
}

function flushed(x: number): number {
  return Math.abs(x) < SMALLEST_NORMAL ? x * 0 : x
}
