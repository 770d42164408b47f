import type { BoxSize } from '../evaluate/distance_transform.ts'
import type { VoxelCounts } from '../run/batch_result.ts'

/** Two masks of one structure, with the box around both as bits. */
export interface MaskPair extends VoxelCounts {
  /** of the box */
  size: BoxSize
  truthBits: Uint32Array<ArrayBuffer> // (⌈V/32⌉), bit j of word i is voxel 32·i + j of the box
  predictedBits: Uint32Array<ArrayBuffer> // (⌈V/32⌉)
}

/** Counts voxels and cuts out the box around both masks, (I, J, K) with values 0 and 1; the box is empty if they are. */
export function pairMasks(truth: Uint8Array, predicted: Uint8Array, size: BoxSize): MaskPair {
  const counts = { truth: 0, predicted: 0, both: 0 }
  const low = [...size]
  const high = [-1, -1, -1]
  let v = 0
  for (let i = 0; i < size[0]; i++)
    for (let j = 0; j < size[1]; j++)
      for (let k = 0; k < size[2]; k++, v++) {
        const [isTrue, isPredicted] = [truth[v]!, predicted[v]!]
        if ((isTrue | isPredicted) === 0) continue
        counts.truth += isTrue
        counts.predicted += isPredicted
        counts.both += isTrue & isPredicted
        if (i < low[0]!) low[0] = i
        if (j < low[1]!) low[1] = j
        if (k < low[2]!) low[2] = k
        if (i > high[0]!) high[0] = i
        if (j > high[1]!) high[1] = j
        if (k > high[2]!) high[2] = k
      }
  const box = high.map((last, axis) => Math.max(0, last - low[axis]! + 1)) as unknown as BoxSize
  const cut = (mask: Uint8Array): Uint32Array<ArrayBuffer> => bitsIn(mask, size, low, box)
  return { ...counts, size: box, truthBits: cut(truth), predictedBits: cut(predicted) }
}

function bitsIn(mask: Uint8Array, [, width, depth]: BoxSize, from: readonly number[], box: BoxSize) {
  const bits = new Uint32Array(Math.ceil((box[0] * box[1] * box[2]) / 32))
  let at = 0
  for (let i = 0; i < box[0]; i++)
    for (let j = 0; j < box[1]; j++) {
      const line = ((from[0]! + i) * width + from[1]! + j) * depth + from[2]!
      for (let k = 0; k < box[2]; k++, at++) if (mask[line + k]) bits[at >>> 5]! |= 1 << (at & 31)
    }
  return bits
}
