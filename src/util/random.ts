/**
 * Counter-based random numbers: Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3"
 * (SC 2011). A number depends on its address alone, so batch size, number of workers and order of work change nothing.
 * shaders/lib/random.wgsl computes the same bits.
 *
 * The address: counter (block, operation, sample index, epoch), key (seed, 0), all u32. A block yields four words; each operation
 * numbers its blocks itself. Draws outside any epoch or sample use 0 there.
 */

// The operations. No two draw from the same counters. lib/random.wgsl has the same numbers, and a test compares them.
export const OP_FLIP = 1
export const OP_ROTATION = 2
export const OP_NOISE = 3
export const OP_SCALE = 4
export const OP_DROPOUT = 5
export const OP_SHUFFLE = 6
export const OP_INITIALISE = 7
export const OP_GENERATE = 8
export const OP_SPLIT = 9
export const OP_ELASTIC = 10
export const OP_BLUR = 11
export const OP_LOW_RESOLUTION = 12
export const OP_BIAS_FIELD = 13
export const OP_GAMMA = 14
export const OP_BOOTSTRAP = 15
export const OP_PATCH = 16

/** Four unsigned 32-bit words. */
export type Words = readonly [number, number, number, number]

const ROUNDS = 10
const MULTIPLIER_0 = 0xd2511f53
const MULTIPLIER_1 = 0xcd9e8d57
/** The golden ratio and √3 − 1 as fractions of 2^32: the increments of the key in each round. */
const WEYL_0 = 0x9e3779b9
const WEYL_1 = 0xbb67ae85

/** The upper 32 bits of the 64-bit product of two u32. Every sum below is less than 2^32. */
function highProduct(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const first = aHigh * bLow + ((aLow * bLow) >>> 16)
  const second = aLow * bHigh + (first & 0xffff)
  return aHigh * bHigh + (first >>> 16) + (second >>> 16)
}

/** The four words for `counter` and `key`. All numbers are u32. */
export function philox(counter: Words, key: readonly [number, number]): Words {
  let [c0, c1, c2, c3] = counter
  let [k0, k1] = key
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = highProduct(MULTIPLIER_0, c0)
    const high1 = highProduct(MULTIPLIER_1, c2)
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0
    c0 = (high1 ^ c1 ^ k0) >>> 0
    c1 = low1
    c2 = (high0 ^ c3 ^ k1) >>> 0
    c3 = low0
    k0 = (k0 + WEYL_0) >>> 0
    k1 = (k1 + WEYL_1) >>> 0
  }
  return [c0, c1, c2, c3]
}

/** A multiple of 2^-24 in [0, 1), exact in float32 too. */
export function uniform01(bits: number): number {
  return (bits >>> 8) * 2 ** -24
}

/**
 * Two independent N(0, 1) numbers from two words (Box–Muller). The radius comes from (0, 1], so no word yields infinity; the
 * largest magnitude is √(48 ln 2) ≈ 5.77.
 */
export function normal2(bits0: number, bits1: number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log(uniform01(bits0) + 2 ** -24))
  const angle = 2 * Math.PI * uniform01(bits1)
  return [radius * Math.cos(angle), radius * Math.sin(angle)]
}

/** Where a stream of random numbers begins. All fields are u32; a field that does not apply is omitted and counts as 0. */
export interface Address {
  seed: number
  operation: number
  /** sample index */
  sample?: number
  epoch?: number
}

/** The numbers at an address, one after another, for host code that draws in a fixed order. */
export class RandomStream {
  private readonly at: Required<Address>
  private words: Words = [0, 0, 0, 0]
  private drawn = 0
  private spare: number | undefined

  constructor(at: Address) {
    this.at = { sample: 0, epoch: 0, ...at }
  }

  /** the next 32 bits */
  bits(): number {
    if (this.drawn % 4 === 0) {
      const { seed, operation, sample, epoch } = this.at
      this.words = philox([this.drawn / 4, operation, sample, epoch], [seed, 0])
    }
    return this.words[this.drawn++ % 4]!
  }

  /** in [low, high) */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * uniform01(this.bits())
  }

  /** N(mean, deviation²); every second call takes two words, which yield two numbers */
  normal(mean = 0, deviation = 1): number {
    const spare = this.spare
    if (spare !== undefined) {
      this.spare = undefined
      return mean + deviation * spare
    }
    const first = this.bits()
    const [now, later] = normal2(first, this.bits())
    this.spare = later
    return mean + deviation * now
  }

  /** Shuffles `items` in place (Fisher–Yates) and returns them. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.integer(last + 1)
      const item = items[last]
      items[last] = items[other]
      items[other] = item
    }
    return items
  }

  /** an integer in [0, below), below ≤ 2^32; the bias is at most below / 2^53, and zero if below is a power of two */
  integer(below: number): number {
    const high = this.bits() >>> 11
    return Math.floor(((high * 2 ** 32 + this.bits()) / 2 ** 53) * below)
  }
}
