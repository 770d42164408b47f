/**
 * Seeded random numbers for the host: xoshiro128** (Blackman and Vigna, 2018) whose state is filled by splitmix32 from
 * any number of integers, so that `new Generator(seed, index)` gives every index its own stream.
 * Not for what the GPU draws too: that is the counter-based generator of `random.ts`.
 */
export class Generator {
  readonly #state = new Uint32Array(4)
  #spare: number | undefined

  constructor(...seeds: readonly number[]) {
    let hash = 0x9e3779b9
    // Both halves of a seed count, so that seeds beyond 2^32 differ.
    for (const seed of seeds) hash = mix((mix((hash ^ seed) >>> 0) + Math.floor(seed / 2 ** 32) + 0x9e3779b9) >>> 0)
    for (let i = 0; i < 4; i++) {
      hash = (hash + 0x9e3779b9) >>> 0
      this.#state[i] = mix(hash)
    }
    if (this.#state.every(word => word === 0)) this.#state[0] = 1 // the one state that never leaves zero
  }

  /** Uniform over the integers 0 … 2³² − 1. */
  bits(): number {
    const s = this.#state
    const [a, b, c, d] = [s[0]!, s[1]!, s[2]!, s[3]!]
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
    const e = d ^ b
    s[0] = a ^ e
    s[1] = b ^ c ^ a
    s[2] = c ^ a ^ (b << 9)
    s[3] = rotate(e, 11)
    return result
  }

  /** Uniform in [0, 1), in steps of 2⁻³². */
  uniform(): number {
    return this.bits() / 2 ** 32
  }

  /** Normal with this mean and standard deviation, by Box and Muller's transform. */
  normal(mean = 0, deviation = 1): number {
    const spare = this.#spare
    if (spare !== undefined) {
      this.#spare = undefined
      return mean + deviation * spare
    }
    const radius = Math.sqrt(-2 * Math.log((this.bits() + 1) / 2 ** 32))
    const angle = 2 * Math.PI * this.uniform()
    this.#spare = radius * Math.sin(angle)
    return mean + deviation * radius * Math.cos(angle)
  }

  /** Uniform over the integers 0 … limit − 1, without bias; limit in 1 … 2³². */
  integer(limit: number): number {
    const end = 2 ** 32 - (2 ** 32 % limit)
    let bits = this.bits()
    while (bits >= end) bits = this.bits()
    return bits % limit
  }

  /** Puts `items` in a uniformly random order, in place, and returns them. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.integer(last + 1)
      const item = items[last]
      items[last] = items[other]
      items[other] = item
    }
    return items
  }
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by))
}

/** The finaliser of MurmurHash3: every input bit changes half the output bits. */
function mix(word: number): number {
  let hash = word
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
