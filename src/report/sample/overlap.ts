/** Voxel counts of a structure's ground truth, its prediction and their intersection. */
export interface Overlap {
  truth: number
  prediction: number
  both: number
}

/** Counts voxels; `truth` and `prediction` have V bits each. */
export function overlapOf({ truth, prediction }: { truth: Uint32Array; prediction: Uint32Array }): Overlap {
  const overlap = { truth: 0, prediction: 0, both: 0 }
  for (let i = 0; i < truth.length; i++) {
    overlap.both += bitsIn(truth[i]! & prediction[i]!)
    overlap.truth += bitsIn(truth[i]!)
    overlap.prediction += bitsIn(prediction[i]!)
  }
  return overlap
}

/** Number of set bits in a word (Warren, Hacker's Delight, section 5-1). */
function bitsIn(word: number): number {
  let count = word - ((word >>> 1) & 0x55555555)
  count = (count & 0x33333333) + ((count >>> 2) & 0x33333333)
  return Math.imul((count + (count >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/** How the presence prediction is wrong; empty if it is correct or the presence is unknown. */
export function verdictOf(
  { presence, probability }: { presence: number; probability: number },
  threshold: number,
): '' | 'missed' | 'false alarm' {
  const isPredicted = probability > threshold
  if (presence < 0 || isPredicted === presence > 0.5) return ''
  return isPredicted ? 'false alarm' : 'missed'
}
