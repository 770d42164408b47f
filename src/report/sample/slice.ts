/** Number of voxels along (H, W, D), D fastest. */
export type VolumeSize = readonly [number, number, number]

/** A volume's voxels, and what is known of where they lie. */
export interface Grid {
  size: VolumeSize
  /** millimetres between voxels along (H, W, D); undefined if unknown: voxels are then drawn as cubes */
  spacing: readonly [number, number, number] | undefined
  /** RAS: the axes run right, anterior and superior. Without it only the first is known, by convention. */
  orientation: 'RAS' | undefined
}

/** A plane of a volume: the array axes that run right and up in the picture, and the axis normal to it. */
export interface Plane {
  name: 'axial' | 'coronal' | 'sagittal'
  normal: 0 | 1 | 2
  right: 0 | 1 | 2
  up: 0 | 1 | 2
}

/**
 * For array axes that run right, anterior and superior, as `import` stores them. Radiological convention: the patient's right is on
 * the left of the picture.
 */
export const PLANES: readonly Plane[] = [
  { name: 'axial', normal: 2, right: 0, up: 1 },
  { name: 'coronal', normal: 1, right: 0, up: 2 },
  { name: 'sagittal', normal: 0, right: 1, up: 2 },
]

/** One slice: its plane, and its index along the plane's normal. */
export interface Slice {
  plane: Plane
  index: number
}

/** The lengths of a voxel along (H, W, D), of which the shortest is 1. */
export function voxelLengths({ spacing }: Grid): [number, number, number] {
  const [h, w, d] = spacing ?? [1, 1, 1]
  const shortest = Math.min(h, w, d)
  return [h / shortest, w / shortest, d / shortest]
}

/** Width and height of a slice as it is drawn, in lengths of the shortest voxel side, so that nothing is distorted. */
export function extentOf(plane: Plane, grid: Grid): { width: number; height: number } {
  const lengths = voxelLengths(grid)
  const { width, height } = sizeOfPlane(plane, grid.size)
  return { width: width * lengths[plane.right], height: height * lengths[plane.up] }
}

/** Width and height of a slice in voxels. */
export function sizeOfPlane({ right, up }: Plane, size: VolumeSize): { width: number; height: number } {
  return { width: size[right], height: size[up] }
}

/** Calls `use` with each voxel of a slice and the index of its pixel, row by row from the top left. */
export function forSlice(
  plane: Plane,
  index: number,
  size: VolumeSize,
  use: (voxel: number, pixel: number) => void,
): void {
  const strides = [size[1] * size[2], size[2], 1] as const
  const { width, height } = sizeOfPlane(plane, size)
  const mirrored = plane.right === 0
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const across = mirrored ? width - 1 - x : x
      const voxel = index * strides[plane.normal] + across * strides[plane.right] + (height - 1 - y) * strides[plane.up]
      use(voxel, y * width + x)
    }
}

/** Whether a voxel's bit is set: bit j of word i is voxel 32·i + j. */
export function isSet(bits: Uint32Array, voxel: number): boolean {
  return ((bits[voxel >>> 5]! >>> (voxel & 31)) & 1) === 1
}

/**
 * Finds the slice along each axis that shows most of the masks. Each mask is weighted by its largest cross-section, so that small
 * structures count as much as large ones. Without any voxel, the middle slice.
 * @param masks V bits each
 */
export function slicesToShow(masks: readonly Uint32Array[], size: VolumeSize): [number, number, number] {
  const scores = size.map(length => new Float64Array(length))
  for (const mask of masks) {
    for (const [axis, areas] of areasOf(mask, size).entries()) {
      const largest = areas.reduce((a, b) => Math.max(a, b), 1)
      areas.forEach((area, i) => {
        scores[axis]![i]! += area / largest
      })
    }
  }
  return scores.map(score => {
    const best = score.reduce((at, value, i) => (value > score[at]! ? i : at), 0)
    return score[best]! > 0 ? best : score.length >> 1
  }) as [number, number, number]
}

/** Number of mask voxels in every slice along each axis. */
function areasOf(mask: Uint32Array, size: VolumeSize): [Uint32Array, Uint32Array, Uint32Array] {
  const areas = size.map(length => new Uint32Array(length)) as [Uint32Array, Uint32Array, Uint32Array]
  for (let i = 0; i < mask.length; i++)
    for (let word = mask[i]!; word !== 0; word &= word - 1) {
      const voxel = 32 * i + 31 - Math.clz32(word & -word)
      const row = Math.floor(voxel / size[2])
      areas[0][Math.floor(row / size[1])]!++
      areas[1][row % size[1]]!++
      areas[2][voxel % size[2]]!++
    }
  return areas
}
