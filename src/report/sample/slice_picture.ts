import { crc32 } from 'node:zlib'
import { contour } from '../chart/contour.ts'
import { heat } from '../chart/palette.ts'
import { greyPng, palettePng } from '../chart/png.ts'
import { type Box, element, text } from '../chart/svg.ts'
import { forSlice, isSet, type Plane, type Slice, sizeOfPlane, type VolumeSize } from './slice.ts'

/** Draws slices of one image. A slice that is shown several times in a picture is embedded once. */
export class SliceImages {
  private readonly image: Float32Array
  private readonly size: VolumeSize
  private readonly grey: readonly [number, number]
  private readonly prefix: string
  private readonly ids = new Set<string>()

  /** @param image (H, W, D). `name` distinguishes the pictures on one page. */
  constructor(image: Float32Array, size: VolumeSize, name: string) {
    this.image = image
    this.size = size
    this.grey = greyRange(image)
    this.prefix = `slice-${crc32(name).toString(16)}`
  }

  /** Draws the slice in `cell`, with `layers` over it in pixels of the slice. */
  shown({ plane, index }: Slice, cell: Box, layers: string): string {
    const { width, height } = sizeOfPlane(plane, this.size)
    const frame = { x: cell.x, y: cell.y, width: cell.width, height: cell.height, preserveAspectRatio: 'none' }
    const content = this.imageOf({ plane, index }, Math.max(1, Math.round(width / cell.width))) + layers
    return element('svg', { ...frame, viewBox: `0 0 ${width} ${height}` }, content) + sides(plane, cell)
  }

  /** `every`: downsampling factor along each axis, for small cells. */
  private imageOf(slice: Slice, every: number): string {
    const id = `${this.prefix}-${slice.plane.name}-${slice.index}`
    if (this.ids.has(id)) return element('use', { href: `#${id}` })
    this.ids.add(id)
    const [low, high] = this.grey
    const pixels = downsampled(this.image, slice, this.size, every)
    const grey = Uint8Array.from(pixels.values, value =>
      Math.max(0, Math.min(255, (255 * (value - low)) / (high - low))),
    )
    return embedded(greyPng(grey, pixels.width, pixels.height), slice, this.size, id)
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
export function heatLayer(
  map: Float32Array,
  slice: Slice,
  cell: Box,
  size: VolumeSize,
  [least, most]: HeatRange,
): string {
  const { width } = sizeOfPlane(slice.plane, size)
  const pixels = downsampled(map, slice, size, Math.max(1, Math.round(width / cell.width)))
  const top = HEAT.length - 1
  const shares = Uint8Array.from(pixels.values, value =>
    Math.round(top * Math.max(0, Math.min(1, (value - least) / (most - least)))),
  )
  return embedded(palettePng(shares, pixels.width, pixels.height, HEAT), slice, size)
}

/** A slice whose pixels are means of `every` × `every` pixels. */
function downsampled(
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

/** Embeds a PNG that fills its slice. */
function embedded(png: Buffer, { plane }: Slice, size: VolumeSize, id?: string): string {
  const { width, height } = sizeOfPlane(plane, size)
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

/** Outline of a mask in a slice, as path data. */
export function outlineOf(bits: Uint32Array, slice: Slice, size: VolumeSize): string {
  const { width, height } = sizeOfPlane(slice.plane, size)
  return contour(maskSlice(bits, slice, size), width, height)
}

/** A filled region with its outline. `pixel`: size of a picture's pixel in pixels of the mask. */
export function region(path: string, color: string, pixel: number, opacity = 0.4): string {
  const stroke = { stroke: color, 'stroke-width': (1.3 * pixel).toFixed(3), 'stroke-linejoin': 'round' }
  const fill = { fill: color, 'fill-opacity': String(opacity), 'fill-rule': 'evenodd' }
  return path === '' ? '' : element('path', { d: path, ...fill, ...stroke })
}

/** An outline alone. `pixel`: size of a picture's pixel in pixels of the mask. */
export function outline(path: string, color: string, pixel: number, width = 0.6): string {
  const stroke = { stroke: color, 'stroke-width': (width * pixel).toFixed(3), 'stroke-opacity': '0.9' }
  return path === '' ? '' : element('path', { d: path, fill: 'none', ...stroke })
}

/** Marks the patient's left and right in planes that show them. */
function sides({ right }: Plane, { x, y, width, height }: Box): string {
  if (right !== 0) return ''
  const at = y + height - 5
  return (
    text(x + 4, at, 'R', { size: 10, fill: '#dddddd' }) +
    text(x + width - 4, at, 'L', { size: 10, fill: '#dddddd', anchor: 'end' })
  )
}

/** The values shown as black and white: the 0.5th and 99.8th percentiles. */
function greyRange(image: Float32Array): [number, number] {
  const stride = Math.max(1, Math.floor(image.length / 20_000))
  const sample = Float32Array.from({ length: Math.floor(image.length / stride) }, (_, i) => image[i * stride]!).sort()
  const at = (share: number): number => sample[Math.floor(share * (sample.length - 1))]!
  const [low, high] = [at(0.005), at(0.998)]
  return high > low ? [low, high] : [sample[0]!, Math.max(sample.at(-1)!, sample[0]! + 1)]
}
