import { crc32 } from 'node:zlib'
import { contour } from '../chart/contour.ts'
import { heat } from '../chart/palette.ts'
import { greyPng, palettePng } from '../chart/png.ts'
import { type Box, coordinate, element, textOnImage } from '../chart/svg.ts'
import {
  extentOf,
  forSlice,
  type Grid,
  isSet,
  type Plane,
  type Slice,
  sizeOfPlane,
  type VolumeSize,
  voxelLengths,
} from './slice.ts'

/** Draws slices of one image. A slice that is shown several times in a picture is embedded once. */
export class SliceImages {
  private readonly image: Float32Array
  private readonly grid: Grid
  private readonly grey: readonly [number, number]
  private readonly prefix: string
  private readonly ids = new Set<string>()

  /** @param image (H, W, D). `name` distinguishes the pictures on one page. */
  constructor(image: Float32Array, grid: Grid, name: string) {
    this.image = image
    this.grid = grid
    this.grey = greyRange(image)
    this.prefix = `slice-${crc32(name).toString(16)}`
  }

  /** Draws the slice in `cell`, with `layers` over it in the units of `extentOf`. */
  shown({ plane, index }: Slice, cell: Box, layers: string): string {
    const { width, height } = extentOf(plane, this.grid)
    const frame = { x: cell.x, y: cell.y, width: cell.width, height: cell.height, preserveAspectRatio: 'none' }
    const content = this.imageOf({ plane, index }, cell) + layers
    const view = `0 0 ${coordinate(width)} ${coordinate(height)}`
    return element('svg', { ...frame, viewBox: view }, content) + marks(plane, cell, this.grid)
  }

  /** Small cells get an image with fewer pixels. */
  private imageOf(slice: Slice, cell: Box): string {
    const id = `${this.prefix}-${slice.plane.name}-${slice.index}`
    if (this.ids.has(id)) return element('use', { href: `#${id}` })
    this.ids.add(id)
    const [low, high] = this.grey
    const pixels = downsampled(this.image, slice, this.grid.size, cell)
    const grey = Uint8Array.from(pixels.values, value =>
      Math.max(0, Math.min(255, (255 * (value - low)) / (high - low))),
    )
    return embedded(greyPng(grey, pixels.width, pixels.height), slice, this.grid, id)
  }
}

const MOST_OPAQUE = 0.75 // the image stays visible below the map
const LEAST_SPAN = 0.1 // a map that varies less looks flat

/** The colours of a map, more transparent towards 0. */
const HEAT = Array.from({ length: 128 }, (_, i) => {
  const share = i / 127
  const [red, green, blue] = heat(share)
  return [red, green, blue, Math.round(255 * MOST_OPAQUE * share ** 1.5)] as const
})

/** Draws a map over a slice; the higher a value in `range`, the more opaque. @param map (H, W, D) */
export function heatLayer(map: Float32Array, slice: Slice, cell: Box, grid: Grid, [least, most]: HeatRange): string {
  const pixels = downsampled(map, slice, grid.size, cell)
  const top = HEAT.length - 1
  const shares = Uint8Array.from(pixels.values, value =>
    Math.round(top * Math.max(0, Math.min(1, (value - least) / (most - least)))),
  )
  return embedded(palettePng(shares, pixels.width, pixels.height, HEAT), slice, grid)
}

/** A slice with at most about one pixel per pixel of its cell; each is a mean over a block of voxels. */
function downsampled(
  volume: Float32Array,
  { plane, index }: Slice,
  size: VolumeSize,
  cell: Box,
): { values: Float32Array; width: number; height: number } {
  const full = sizeOfPlane(plane, size)
  const [columns, rows] = [full.width / cell.width, full.height / cell.height].map(x => Math.max(1, Math.round(x)))
  const [width, height] = [Math.ceil(full.width / columns!), Math.ceil(full.height / rows!)]
  const [values, counts] = [new Float32Array(width * height), new Float32Array(width * height)]
  forSlice(plane, index, size, (voxel, pixel) => {
    const [x, y] = [pixel % full.width, Math.floor(pixel / full.width)]
    const at = Math.floor(y / rows!) * width + Math.floor(x / columns!)
    values[at]! += volume[voxel]!
    counts[at]!++
  })
  return { values: values.map((sum, i) => sum / counts[i]!), width, height }
}

/** Embeds a PNG that fills its slice. */
function embedded(png: Buffer, { plane }: Slice, grid: Grid, id?: string): string {
  const { width, height } = extentOf(plane, grid)
  const href = `data:image/png;base64,${png.toString('base64')}`
  return element('image', { id, x: 0, y: 0, width, height, preserveAspectRatio: 'none', href })
}

/** The values of the first and the last colour of a map. */
export type HeatRange = readonly [least: number, most: number]

/**
 * Minimum and maximum of a map with values in 0..1. Early in training, attention is near 0.5 everywhere: a range from 0 would tint the
 * whole image evenly.
 */
export function heatRange(map: Float32Array): HeatRange {
  let [least, most] = [1, 0]
  for (const value of map) {
    if (value < least) least = value
    if (value > most) most = value
  }
  return [Math.min(least, most), Math.max(most, least + LEAST_SPAN)]
}

/** A slice of a mask, (height, width). */
export function maskSlice(bits: Uint32Array, { plane, index }: Slice, size: VolumeSize): Uint8Array {
  const { width, height } = sizeOfPlane(plane, size)
  const mask = new Uint8Array(width * height)
  forSlice(plane, index, size, (voxel, pixel) => {
    mask[pixel] = Number(isSet(bits, voxel))
  })
  return mask
}

/** Outline of a mask in a slice, as path data in the units of `extentOf`. */
export function outlineOf(bits: Uint32Array, slice: Slice, grid: Grid): string {
  return outlineOfSlice(maskSlice(bits, slice, grid.size), slice, grid)
}

/** The same for the mask of a slice, (height, width). */
export function outlineOfSlice(mask: Uint8Array, { plane }: Slice, grid: Grid): string {
  const { width, height } = sizeOfPlane(plane, grid.size)
  const lengths = voxelLengths(grid)
  return contour(mask, width, height, [lengths[plane.right], lengths[plane.up]])
}

/** A filled region with its outline. `pixel`: size of a picture's pixel in the units of the path. */
export function region(path: string, color: string, pixel: number, opacity = 0.4): string {
  const stroke = { stroke: color, 'stroke-width': (1.3 * pixel).toFixed(3), 'stroke-linejoin': 'round' }
  const fill = { fill: color, 'fill-opacity': String(opacity), 'fill-rule': 'evenodd' }
  return path === '' ? '' : element('path', { d: path, ...fill, ...stroke })
}

/** An outline alone. `pixel`: size of a picture's pixel in the units of the path. */
export function outline(path: string, color: string, pixel: number, width = 0.6): string {
  const stroke = { stroke: color, 'stroke-width': (width * pixel).toFixed(3), 'stroke-opacity': '0.9' }
  return path === '' ? '' : element('path', { d: path, fill: 'none', ...stroke })
}

/** The ends of each axis, where it starts and where it runs to. */
const ENDS = [
  ['L', 'R'],
  ['P', 'A'],
  ['I', 'S'],
] as const

const FLAT = 30 // pixels

/** Marks the sides of the patient on the edges of a slice, as far as they are known. */
function marks({ right, up }: Plane, { x, y, width, height }: Box, { orientation }: Grid): string {
  const isKnown = (axis: 0 | 1 | 2): boolean => orientation === 'RAS' || axis === 0
  // axis 0 is mirrored: the patient's right is on the left
  const [left, end] = right === 0 ? [ENDS[0][1], ENDS[0][0]] : ENDS[right]
  const [bottom, top] = ENDS[up]
  const [across, middle] = [x + width / 2, y + height / 2 + 4]
  const sides = textOnImage(x + 3, middle, left, 'start') + textOnImage(x + width - 3, middle, end, 'end')
  const aside = height < FLAT ? 8 : 0 // beside each other where they do not fit below each other
  const ends =
    textOnImage(across - aside, y + 11, top, 'middle') + textOnImage(across + aside, y + height - 4, bottom, 'middle')
  return (isKnown(right) ? sides : '') + (isKnown(up) ? ends : '')
}

/** The values shown as black and white: the 0.5th and 99.8th percentiles. */
function greyRange(image: Float32Array): [number, number] {
  const stride = Math.max(1, Math.floor(image.length / 20_000))
  const sample = Float32Array.from({ length: Math.floor(image.length / stride) }, (_, i) => image[i * stride]!).sort()
  const at = (share: number): number => sample[Math.floor(share * (sample.length - 1))]!
  const [low, high] = [at(0.005), at(0.998)]
  return high > low ? [low, high] : [sample[0]!, Math.max(sample.at(-1)!, sample[0]! + 1)]
}
