import { crc32 } from 'node:zlib'
import { contour } from '../chart/contour.ts'
import { heat } from '../chart/palette.ts'
import { greyPng, palettePng } from '../chart/png.ts'
import { type Box, element, text } from '../chart/svg.ts'
import { forSlice, isSet, type Plane, type Slice, sizeOfPlane, type VolumeSize } from './slice.ts'

/** Slices of one image as parts of a picture. An image that stands in it several times is in it once. */
export class SliceImages {
  private readonly image: Float32Array
  private readonly size: VolumeSize
  private readonly grey: readonly [number, number]
  private readonly prefix: string
  private readonly ids = new Set<string>()

  /** @param image (H, W, D). `name` tells pictures of one page apart. */
  constructor(image: Float32Array, size: VolumeSize, name: string) {
    this.image = image
    this.size = size
    this.grey = greyRange(image)
    this.prefix = `slice-${crc32(name).toString(16)}`
  }

  /** The slice in `cell`, and `layers` over it in pixels of the slice. */
  shown({ plane, index }: Slice, cell: Box, layers: string): string {
    const { width, height } = sizeOfPlane(plane, this.size)
    const frame = { x: cell.x, y: cell.y, width: cell.width, height: cell.height, preserveAspectRatio: 'none' }
    const content = this.imageOf({ plane, index }, Math.max(1, Math.round(width / cell.width))) + layers
    return element('svg', { ...frame, viewBox: `0 0 ${width} ${height}` }, content) + sides(plane, cell)
  }

  /** `every`: so many pixels along each axis become one, for a cell that shows no more. */
  private imageOf(slice: Slice, every: number): string {
    const id = `${this.prefix}-${slice.plane.name}-${slice.index}`
    if (this.ids.has(id)) return element('use', { href: `#${id}` })
    this.ids.add(id)
    const [low, high] = this.grey
    const pixels = thinned(this.image, slice, this.size, every)
    const grey = Uint8Array.from(pixels.values, value =>
      Math.max(0, Math.min(255, (255 * (value - low)) / (high - low))),
    )
    return embedded(greyPng(grey, pixels.width, pixels.height), slice, this.size, id)
  }
}

const MOST_OPAQUE = 0.75 // what lies below a map stays to be seen
const LEAST_SPAN = 0.1 // a map that varies less is shown as flat as it is

/** The colours of a map, more transparent towards 0. */
const HEAT = Array.from({ length: 128 }, (_, i) => {
  const share = i / 127
  const [red, green, blue] = heat(share)
  return [red, green, blue, Math.round(255 * MOST_OPAQUE * share ** 1.5)] as const
})

/** A map over a slice, in colours that are the less transparent the nearer a value is to the greatest of `range`. @param map (H, W, D) */
export function heatLayer(
  map: Float32Array,
  slice: Slice,
  cell: Box,
  size: VolumeSize,
  [least, most]: HeatRange,
): string {
  const { width } = sizeOfPlane(slice.plane, size)
  const pixels = thinned(map, slice, size, Math.max(1, Math.round(width / cell.width)))
  const top = HEAT.length - 1
  const shares = Uint8Array.from(pixels.values, value =>
    Math.round(top * Math.max(0, Math.min(1, (value - least) / (most - least)))),
  )
  return embedded(palettePng(shares, pixels.width, pixels.height, HEAT), slice, size)
}

/** A slice with the mean of `every` × `every` pixels for each of its own. */
function thinned(
  volume: Float32Array,
  { plane, index }: Slice,
  size: VolumeSize,
  every: number,
): { values: Float32Array; width: number; height: number } {
  const full = sizeOfPlane(plane, size)
  const [width, height] = [Math.ceil(full.width / every), Math.ceil(full.height / every)]
  const [values, counts] = [new Float32Array(width * height), new Float32Array(width * height)]
  forSlice(plane, index, size, (voxel, pixel) => {
    const [x, y] = [pixel % full.width, Math.floor(pixel / full.width)]
    const at = Math.floor(y / every) * width + Math.floor(x / every)
    values[at]! += volume[voxel]!
    counts[at]!++
  })
  return { values: values.map((sum, i) => sum / counts[i]!), width, height }
}

/** A picture that fills its slice. */
function embedded(png: Buffer, { plane }: Slice, size: VolumeSize, id?: string): string {
  const { width, height } = sizeOfPlane(plane, size)
  const href = `data:image/png;base64,${png.toString('base64')}`
  return element('image', { id, x: 0, y: 0, width, height, preserveAspectRatio: 'none', href })
}

/** Which values have the first and the last colour of a map. */
export type HeatRange = readonly [least: number, most: number]

/**
 * From the least to the greatest value of a map of values in 0..1: the attention of a model that has not learned much lies around 0.5
 * everywhere, and counted from 0 it would cover the image evenly.
 */
export function heatRange(map: Float32Array): HeatRange {
  let [least, most] = [1, 0]
  for (const value of map) {
    if (value < least) least = value
    if (value > most) most = value
  }
  return [Math.min(least, most), Math.max(most, least + LEAST_SPAN)]
}

/** Slice of a mask, (height, width) of its plane. */
export function maskSlice(bits: Uint32Array, { plane, index }: Slice, size: VolumeSize): Uint8Array {
  const { width, height } = sizeOfPlane(plane, size)
  const mask = new Uint8Array(width * height)
  forSlice(plane, index, size, (voxel, pixel) => {
    mask[pixel] = Number(isSet(bits, voxel))
  })
  return mask
}

/** Outline of a mask in a slice, as path data. */
export function outlineOf(bits: Uint32Array, slice: Slice, size: VolumeSize): string {
  const { width, height } = sizeOfPlane(slice.plane, size)
  return contour(maskSlice(bits, slice, size), width, height)
}

/** A filled region with its outline. `pixel`: of the picture, in pixels of the mask. */
export function region(path: string, color: string, pixel: number, opacity = 0.4): string {
  const stroke = { stroke: color, 'stroke-width': (1.3 * pixel).toFixed(3), 'stroke-linejoin': 'round' }
  const fill = { fill: color, 'fill-opacity': String(opacity), 'fill-rule': 'evenodd' }
  return path === '' ? '' : element('path', { d: path, ...fill, ...stroke })
}

/** An outline alone. `pixel`: of the picture, in pixels of the mask. */
export function outline(path: string, color: string, pixel: number, width = 0.6): string {
  const stroke = { stroke: color, 'stroke-width': (width * pixel).toFixed(3), 'stroke-opacity': '0.9' }
  return path === '' ? '' : element('path', { d: path, fill: 'none', ...stroke })
}

/** The patient's sides, where the picture shows them. */
function sides({ right }: Plane, { x, y, width, height }: Box): string {
  if (right !== 0) return ''
  const at = y + height - 5
  return (
    text(x + 4, at, 'R', { size: 10, fill: '#dddddd' }) +
    text(x + width - 4, at, 'L', { size: 10, fill: '#dddddd', anchor: 'end' })
  )
}

/** What becomes black and what white: the image without its darkest 0.5 % and its brightest 0.2 %. */
function greyRange(image: Float32Array): [number, number] {
  const stride = Math.max(1, Math.floor(image.length / 20_000))
  const sample = Float32Array.from({ length: Math.floor(image.length / stride) }, (_, i) => image[i * stride]!).sort()
  const at = (share: number): number => sample[Math.floor(share * (sample.length - 1))]!
  const [low, high] = [at(0.005), at(0.998)]
  return high > low ? [low, high] : [sample[0]!, Math.max(sample.at(-1)!, sample[0]! + 1)]
}
