import { heatColorBar } from '../chart/color_bar.ts'
import { regionColor } from '../chart/palette.ts'
import { type Box, element, FAINT, fitted, INK, picture, text } from '../chart/svg.ts'
import { presenceTable, presenceTableHeight } from './presence_table.ts'
import { extentOf, type Grid, PLANES, type Plane, slicesToShow, voxelLengths } from './slice.ts'
import { type HeatRange, heatLayer, heatRange, outline, outlineOf, region, SliceImages } from './slice_picture.ts'
import type { SampleView, StructureView } from './view.ts'

const MARGIN = 24 // pixels
const LABELS = 20
const GAP = 10
const HEAD = 84
const COLUMN = 264
const TALLEST = 760 // of the three rows together
const NARROWEST = 160 // the column names fit
const FLATTEST = 52 // the name of the plane fits
const TABLE = 470
const COLUMNS = ['image', 'ground truth', 'prediction (white: truth)'] as const
const ATTENTION = 'attention (maximum)'

/** A sample, prepared for its columns. */
interface Shown extends SampleView {
  images: SliceImages
  /** (H, W, D): maximum over all structures; undefined without attention maps */
  attention: Float32Array | undefined
  /** of `attention` */
  range: HeatRange
}

/**
 * Draws a sample with its masks (SVG): image, ground truth, prediction and, if available, attention in three planes, beside a table of
 * the structures with their predicted presence. The slices are those that show most. Texts are escaped.
 */
export function overlay(view: SampleView): string {
  const { size, structures } = view
  const slices = slicesToShow(
    structures.flatMap(({ truth, prediction }) => [truth, prediction]),
    size,
  )
  const attention = maximumAttention(structures)
  const range: HeatRange = attention ? heatRange(attention) : [0, 1]
  const images = new SliceImages(view.image, view, `overlay ${view.title}`)
  const columns = attention ? [...COLUMNS, ATTENTION] : COLUMNS
  const [h, w, d] = voxelLengths(view).map((length, axis) => length * size[axis]!) as [number, number, number]
  const scale = Math.min(COLUMN / Math.max(h, w), TALLEST / (w + 2 * d))
  const column = Math.max(NARROWEST, Math.max(h, w) * scale)
  const left = (i: number): number => MARGIN + LABELS + i * (column + GAP)
  const parts = [
    heading(view),
    ...columns.map((name, i) => text(left(i) + column / 2, HEAD - 8, name, { size: 12, anchor: 'middle' })),
  ]
  let y = HEAD
  for (const plane of PLANES) {
    const { width, height } = extentOf(plane, view)
    const cells = columns.map((_, i) => ({
      x: left(i) + (column - width * scale) / 2,
      y: y + Math.max(0, FLATTEST - height * scale) / 2,
      width: width * scale,
      height: height * scale,
    }))
    parts.push(planeRow({ ...view, images, attention, range }, plane, slices[plane.normal], cells))
    y += Math.max(FLATTEST, height * scale) + GAP
  }
  if (attention) {
    parts.push(heatColorBar(left(3), y, column - 80, [range[0].toFixed(2), range[1].toFixed(2)]))
    y += 22
  }
  const x = left(columns.length) + GAP
  parts.push(presenceTable(view, x, HEAD - 20, TABLE))
  const height = Math.max(y - GAP, HEAD - 20 + presenceTableHeight(structures.length)) + MARGIN
  return picture(x + TABLE + MARGIN, height, '#ffffff', parts.join('\n'))
}

function maximumAttention(structures: readonly StructureView[]): Float32Array | undefined {
  const maps = structures.flatMap(({ attention }) => (attention ? [attention] : []))
  if (maps.length === 0) return undefined
  const maximum = maps[0]!.slice()
  for (const map of maps.slice(1)) for (let v = 0; v < map.length; v++) if (map[v]! > maximum[v]!) maximum[v] = map[v]!
  return maximum
}

function heading(view: SampleView): string {
  const { title, structures, threshold } = view
  const known = structures.filter(({ presence }) => presence >= 0)
  const correct = known.filter(({ presence, probability }) => probability > threshold === presence > 0.5)
  return [
    text(MARGIN, 30, fitted(title, 1200, 17), { size: 17, bold: true }),
    text(
      MARGIN,
      50,
      `presence predicted correctly for ${correct.length} of ${known.length} structures; ${voxelText(view)}`,
      {
        size: 12,
        fill: FAINT,
      },
    ),
  ].join('')
}

/** How far the proportions of the picture can be trusted. */
function voxelText({ spacing }: Grid): string {
  if (!spacing) return 'voxel size unknown, drawn as cubes'
  return `voxels of ${spacing.map(length => Number(length.toPrecision(3))).join(' × ')} mm`
}

/** Draws one plane: the image alone, then with ground truth, prediction and attention. */
function planeRow(view: Shown, plane: Plane, index: number, cells: readonly Box[]): string {
  const { size, structures, images, attention, range } = view
  const slice = { plane, index }
  const outlines = structures.map(({ truth, prediction }) => ({
    truth: outlineOf(truth, slice, view),
    prediction: outlineOf(prediction, slice, view),
  }))
  const pixel = extentOf(plane, view).width / cells[0]!.width
  const truth = outlines.map((shape, s) => region(shape.truth, regionColor(s), pixel))
  const prediction = outlines.map((shape, s) => region(shape.prediction, regionColor(s), pixel))
  const thin = outlines.map(shape => outline(shape.truth, '#ffffff', pixel)).join('')
  const layers = ['', truth.join(''), prediction.join('') + thin]
  if (attention) layers.push(heatLayer(attention, slice, cells[0]!, view, range))
  const shown = cells.map((cell, i) => images.shown(slice, cell, layers[i]!))
  const [{ x, y, height: tall }] = cells as [Box]
  const label = `${plane.name}, ${index + 1} of ${size[plane.normal]}`
  const title = tall < 110 ? plane.name : label
  return element(
    'g',
    { 'data-plane': label },
    text(x - 8, y + tall / 2, title, { anchor: 'middle', rotate: -90, fill: INK }) + shown.join(''),
  )
}
