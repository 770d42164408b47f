import { contour } from './contour.ts'
import type { Box } from './line_panel.ts'
import { regionColor } from './palette.ts'
import { greyPng } from './png.ts'
import { presenceTable, presenceTableHeight } from './presence_table.ts'
import { forSlice, isSet, PLANES, type Plane, sizeOfPlane, tellingSlices, type VolumeSize } from './slice.ts'
import { element, FAINT, fitted, INK, picture, text } from './svg.ts'

/** A structure of a sample: what is true and what a model says. */
export interface StructureView {
  name: string
  truth: Uint32Array // (V/32), bit j of word i is voxel 32·i + j
  prediction: Uint32Array // (V/32)
  /** 1 present, 0 absent, −1 unknown */
  presence: number
  /** Of presence. */
  probability: number
  /** (H, W, D), 0..1: where the model looked for it */
  attention?: Float32Array
}

export interface SampleView {
  title: string
  size: VolumeSize
  image: Float32Array // (H, W, D)
  structures: readonly StructureView[]
  /** Probability above which a structure is held to be present. */
  threshold: number
}

const MARGIN = 24 // pixels
const GAP = 10
const HEAD = 84
const COLUMN = 264
const TALLEST = 760 // of the three rows together
const TABLE = 470
const COLUMNS = ['image', 'truth', 'prediction (white: truth)'] as const

/**
 * A sample with its masks (SVG): three planes through the slices that show most, each as image, truth and prediction, beside a table of
 * the structures with what is said of their presence. Texts may be anything.
 */
export function overlay(view: SampleView): string {
  const { size, structures } = view
  const slices = tellingSlices(
    structures.flatMap(({ truth, prediction }) => [truth, prediction]),
    size,
  )
  const scale = Math.min(COLUMN / Math.max(size[0], size[1]), TALLEST / (size[1] + 2 * size[2]))
  const column = Math.max(size[0], size[1]) * scale
  const parts = [
    heading(view),
    ...COLUMNS.map((name, i) => columnTitle(name, MARGIN + 20 + i * (column + GAP) + column / 2)),
  ]
  const grey = greyRange(view.image)
  let y = HEAD
  for (const plane of PLANES) {
    const { width, height } = sizeOfPlane(plane, size)
    const cells = COLUMNS.map((_, i) => ({
      x: MARGIN + 20 + i * (column + GAP) + (column - width * scale) / 2,
      y,
      width: width * scale,
      height: height * scale,
    }))
    parts.push(planeRow(view, plane, slices[plane.cut], cells, grey))
    y += height * scale + GAP
  }
  const x = MARGIN + 20 + 3 * (column + GAP) + GAP
  parts.push(presenceTable(view, x, HEAD - 20, TABLE))
  const height = Math.max(y - GAP, HEAD - 20 + presenceTableHeight(structures.length)) + MARGIN
  return picture(x + TABLE + MARGIN, height, '#ffffff', parts.join('\n'))
}

function heading({ title, structures, threshold }: SampleView): string {
  const known = structures.filter(({ presence }) => presence >= 0)
  const right = known.filter(({ presence, probability }) => probability > threshold === presence > 0.5)
  return [
    text(MARGIN, 30, fitted(title, 1200, 17), { size: 17, bold: true }),
    text(MARGIN, 50, `presence told rightly of ${right.length} of ${known.length} structures`, {
      size: 12,
      fill: FAINT,
    }),
  ].join('')
}

function columnTitle(name: string, x: number): string {
  return text(x, HEAD - 8, name, { size: 12, anchor: 'middle' })
}

/** One plane: the image alone, with the true masks, with the predicted ones. */
function planeRow(
  view: SampleView,
  plane: Plane,
  slice: number,
  cells: readonly Box[],
  grey: [number, number],
): string {
  const { size, image, structures } = view
  const { width, height } = sizeOfPlane(plane, size)
  const href = imageSlice(image, plane, slice, size, grey)
  const outlines = structures.map(({ truth, prediction }) => ({
    truth: outlineOf(truth, plane, slice, size),
    prediction: outlineOf(prediction, plane, slice, size),
  }))
  const pixel = width / cells[0]!.width
  const truth = outlines.map((shape, s) => region(shape.truth, regionColor(s), pixel))
  const prediction = outlines.map((shape, s) => region(shape.prediction, regionColor(s), pixel))
  const thin = outlines.map(shape => outline(shape.truth, pixel))
  const layers = ['', truth.join(''), [...prediction, ...thin].join('')]
  const shown = cells.map((cell, i) => {
    const frame = { width: cell.width, height: cell.height, preserveAspectRatio: 'none' }
    const nested = element(
      'svg',
      { x: cell.x, y: cell.y, ...frame, viewBox: `0 0 ${width} ${height}` },
      element('image', { x: 0, y: 0, width, height, preserveAspectRatio: 'none', href }) + layers[i],
    )
    return nested + sides(plane, cell)
  })
  const [{ x, y, height: tall }] = cells as [Box]
  const label = `${plane.name}, ${slice + 1} of ${size[plane.cut]}`
  const title = tall < 110 ? plane.name : label
  return element(
    'g',
    { 'data-plane': label },
    text(x - 8, y + tall / 2, title, { anchor: 'middle', rotate: -90, fill: INK }) + shown.join(''),
  )
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

/** A filled region with its outline. `pixel`: of the picture, in pixels of the mask. */
function region(path: string, color: string, pixel: number): string {
  const stroke = { stroke: color, 'stroke-width': (1.3 * pixel).toFixed(3), 'stroke-linejoin': 'round' }
  const fill = { fill: color, 'fill-opacity': '0.4', 'fill-rule': 'evenodd' }
  return path === '' ? '' : element('path', { d: path, ...fill, ...stroke })
}

/** An outline alone, thin and white. */
function outline(path: string, pixel: number): string {
  const stroke = { stroke: '#ffffff', 'stroke-width': (0.6 * pixel).toFixed(3), 'stroke-opacity': '0.9' }
  return path === '' ? '' : element('path', { d: path, fill: 'none', ...stroke })
}

function outlineOf(bits: Uint32Array, plane: Plane, slice: number, size: VolumeSize): string {
  const { width, height } = sizeOfPlane(plane, size)
  const mask = new Uint8Array(width * height)
  forSlice(plane, slice, size, (voxel, pixel) => {
    mask[pixel] = Number(isSet(bits, voxel))
  })
  return contour(mask, width, height)
}

function imageSlice(
  image: Float32Array,
  plane: Plane,
  slice: number,
  size: VolumeSize,
  [low, high]: [number, number],
): string {
  const { width, height } = sizeOfPlane(plane, size)
  const pixels = new Uint8Array(width * height)
  forSlice(plane, slice, size, (voxel, pixel) => {
    pixels[pixel] = Math.max(0, Math.min(255, (255 * (image[voxel]! - low)) / (high - low)))
  })
  return `data:image/png;base64,${greyPng(pixels, width, height).toString('base64')}`
}

/** What becomes black and what white: the image without its darkest 0.5 % and its brightest 0.2 %. */
function greyRange(image: Float32Array): [number, number] {
  const stride = Math.max(1, Math.floor(image.length / 20_000))
  const sample = Float32Array.from({ length: Math.floor(image.length / stride) }, (_, i) => image[i * stride]!).sort()
  const at = (share: number): number => sample[Math.floor(share * (sample.length - 1))]!
  const [low, high] = [at(0.005), at(0.998)]
  return high > low ? [low, high] : [sample[0]!, Math.max(sample.at(-1)!, sample[0]! + 1)]
}
