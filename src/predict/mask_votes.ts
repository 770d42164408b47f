import { VOXEL_THRESHOLD } from './masks.ts'

/** The masks [p > 0.5] that the models of an ensemble predict for a subject, without the presence gate, at a bit per voxel. */
export class MaskVotes {
  private readonly words: number
  /** for each structure a mask (V/32) per model */
  private readonly masks: Uint32Array[][]

  constructor(structures: number, voxels: number) {
    this.words = Math.ceil(voxels / 32)
    this.masks = Array.from({ length: structures }, () => [])
  }

  /** Adds the next model's mask of structure s. */
  add(s: number, probabilities: Float32Array): void {
    const mask = new Uint32Array(this.words)
    for (let v = 0; v < probabilities.length; v++)
      if (probabilities[v]! > VOXEL_THRESHOLD) mask[v >> 5]! |= 1 << (v & 31)
    this.masks[s]!.push(mask)
  }

  /** Mean Dice over the pairs of models of which at least one finds voxels; null if none does. */
  pairwiseDice(s: number): number | null {
    const masks = this.masks[s]!
    const sizes = masks.map(mask => common(mask, mask))
    let [sum, pairs] = [0, 0]
    for (const [i, one] of masks.entries())
      for (let j = 0; j < i; j++) {
        const both = sizes[i]! + sizes[j]!
        if (both === 0) continue
        sum += (2 * common(one, masks[j]!)) / both
        pairs++
      }
    return pairs === 0 ? null : sum / pairs
  }
}

/** Number of voxels in both masks. */
function common(one: Uint32Array, other: Uint32Array): number {
  let count = 0
  for (let i = 0; i < one.length; i++) count += bitsIn(one[i]! & other[i]!)
  return count
}

/** Bits that are set in 32: sums of pairs, of fours, of bytes, of all. */
function bitsIn(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
