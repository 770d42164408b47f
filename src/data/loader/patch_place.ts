import { OP_PATCH, RandomStream } from '../../util/random.ts'
import type { ImageSize } from '../../util/shape.ts'

/** A stored sample that patches are cut out of. */
export interface StoredFrame {
  size: ImageSize
  image: Float32Array // (C, H, W, D)
  masks: Uint8Array // (S, H, W, D)
}

/** A patch to draw. Where it lies depends on these values and the stored sample alone. */
export interface PatchDraw {
  seed: number
  epoch: number
  /** index in the split */
  sample: number
  /** probability that it is centred on a voxel of a structure */
  foreground: number
  /** the structures labelled present, by their numbers in the file */
  present: readonly number[]
}

/** Where a patch starts, or how that is drawn. */
export type PatchPlace = { start: ImageSize } | { draw: PatchDraw }

/** The first voxel of a patch of `size`. */
export function startOf(place: PatchPlace, frame: StoredFrame, size: ImageSize): ImageSize {
  return 'start' in place ? place.start : drawnStart(place.draw, frame, size)
}

/**
 * Centred on a voxel of a present structure, every structure as likely as another, or on any voxel of the scan, which is where the intensity is not 0.
 * A patch that would stick out of the frame is moved inside.
 */
function drawnStart({ foreground, present, ...address }: PatchDraw, frame: StoredFrame, size: ImageSize): ImageSize {
  const random = new RandomStream({ ...address, operation: OP_PATCH })
  const isCentred = random.uniform() < foreground
  const [height, width, depth] = frame.size
  const voxels = height * width * depth
  const inStructure = isCentred ? structureVoxel(frame, present, random) : undefined
  const centre = (inStructure ?? drawnFrom(frame.image, random) ?? 0) % voxels
  const [h, w, d] = [Math.floor(centre / (width * depth)), Math.floor(centre / depth) % width, centre % depth]
  return [startAlong(h, size[0], height), startAlong(w, size[1], width), startAlong(d, size[2], depth)]
}

function startAlong(centre: number, size: number, length: number): number {
  return Math.min(Math.max(centre - size / 2, 0), length - size)
}

/** A voxel of the first structure, in random order, that has any. */
function structureVoxel({ size, masks }: StoredFrame, present: readonly number[], random: RandomStream) {
  const voxels = size[0] * size[1] * size[2]
  for (const s of random.shuffle([...present])) {
    const found = drawnFrom(masks.subarray(s * voxels, (s + 1) * voxels), random)
    if (found !== undefined) return found
  }
  return undefined
}

/** The index of a number other than 0, each as likely as another; undefined if there is none. */
function drawnFrom(values: Float32Array | Uint8Array, random: RandomStream): number | undefined {
  let count = 0
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) count++
  if (count === 0) return undefined
  let before = random.integer(count)
  let at = 0
  while (values[at] === 0 || before-- > 0) at++
  return at
}
