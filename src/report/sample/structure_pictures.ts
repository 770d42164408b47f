import { heatColorBar } from '../chart/color_bar.ts'
import { WRONG } from '../chart/palette.ts'
import { type Box, element, FAINT, fitted, GRID, line, picture, rectangle, text } from '../chart/svg.ts'
import { type Overlap, overlapOf, verdictOf } from './overlap.ts'
import { extentOf, type Grid, PLANES, type Slice, slicesToShow, type VolumeSize } from './slice.ts'
import {
  heatLayer,
  heatRange,
  maskSlice,
  outline,
  outlineOf,
  outlineOfSlice,
  region,
  SliceImages,
} from './slice_picture.ts'
import { presenceText, type SampleView, type StructureView } from './view.ts'

const MARGIN = 24 // pixels
const HEAD = 108
const LABELS = 150
const CELL = 138
const GAP = 8
const ROW_GAP = 16
const BLOCKS = 2 // beside each other
const BETWEEN_BLOCKS = 30
const LEAST = 760 // minimum width
const COLUMNS = ['outlines', 'overlap', 'attention'] as const
const MOST = 24 // structures in one picture
const TRUTH = '#33bbee'
const PREDICTION = '#ee7733'
const AXIAL = PLANES[0]!

/** A structure and the slice that shows it. */
interface Shown {
  structure: StructureView
  overlap: Overlap
  slice: Slice
}

/**
 * Draws each structure of a sample separately (SVG): the axial slice in which it is largest, with the outlines of ground truth and
 * prediction, their overlap, and the attention map. Of more than 24 structures, only the worst.
 */
export function structurePictures(view: SampleView): string {
  const { size, structures } = view
  const shown = worst(
    structures.map(structure => ({ structure, overlap: overlapOf(structure), slice: largestSlice(structure, size) })),
    view.threshold,
  )
  const hasAttention = structures.some(({ attention }) => attention)
  const columns = hasAttention ? 3 : 2
  const plane = extentOf(AXIAL, view)
  const scale = CELL / Math.max(plane.width, plane.height)
  const cell = { width: plane.width * scale, height: plane.height * scale }
  const blockWidth = LABELS + columns * (cell.width + GAP)
  const rowHeight = Math.max(cell.height, 84) + ROW_GAP
  const images = new SliceImages(view.image, view, `structures ${view.title}`)
  const blocks = Math.min(BLOCKS, Math.max(1, shown.length))
  const rows = Math.ceil(shown.length / blocks)
  const parts = shown.map((each, i) => {
    const x = MARGIN + Math.floor(i / rows) * (blockWidth + BETWEEN_BLOCKS)
    const y = HEAD + (i % rows) * rowHeight
    const cells = Array.from({ length: columns }, (_, c) => ({ x: x + LABELS + c * (cell.width + GAP), y, ...cell }))
    const drawn = structureRow(each, view, images, { x, y, width: blockWidth, height: rowHeight }, cells)
    return i % rows === 0 ? columnNames(cells) + drawn : drawn
  })
  const width = Math.max(LEAST, 2 * MARGIN + blocks * blockWidth + (blocks - 1) * BETWEEN_BLOCKS)
  const height = HEAD + rows * rowHeight + MARGIN
  const head = [...heading(view, shown.length, width), ...legend(hasAttention)]
  return picture(width, height, '#ffffff', [...head, ...parts].join('\n'))
}

/** The axial slice with most of the ground truth, or else most of the prediction, or else the highest attention. */
export function largestSlice({ truth, prediction, attention }: StructureView, size: VolumeSize): Slice {
  const mask = [truth, prediction].find(bits => bits.some(word => word !== 0))
  return { plane: AXIAL, index: mask ? slicesToShow([mask], size)[AXIAL.normal] : brightest(attention, size) }
}

/** The axial slice through the maximum; the middle one without a map. */
function brightest(map: Float32Array | undefined, size: VolumeSize): number {
  if (!map) return size[AXIAL.normal] >> 1
  return map.reduce((best, value, v) => (value > map[best]! ? v : best), 0) % size[AXIAL.normal]
}

/** All structures, or the worst in dataset order: first wrong presence, then lowest Dice. */
function worst(all: readonly Shown[], threshold: number): Shown[] {
  const badness = ({ structure }: Shown): number =>
    verdictOf(structure, threshold) !== '' ? 3 : structure.dice === null ? 0 : 2 - structure.dice
  const chosen = new Set([...all].sort((a, b) => badness(b) - badness(a)).slice(0, MOST))
  return all.filter(each => chosen.has(each))
}

function heading({ title, structures }: SampleView, shown: number, width: number): string[] {
  const part = shown < structures.length ? `; the worst ${shown} of ${structures.length} structures` : ''
  return [
    text(MARGIN, 30, fitted(title, width - 2 * MARGIN, 17), { size: 17, bold: true }),
    text(
      MARGIN,
      50,
      `Axial slice in which each structure is largest. p: probability of presence; Dice and voxels (truth → prediction): gated by presence${part}`,
      {
        size: 12,
        fill: FAINT,
      },
    ),
  ]
}

function legend(hasAttention: boolean): string[] {
  const entries = [
    [TRUTH, 'truth (filled: missed)'],
    [PREDICTION, 'prediction (filled: excess)'],
    ['#ffffff', 'both'],
  ] as const
  const parts = entries.map(([color, label], i) => {
    const x = MARGIN + [0, 180, 400][i]!
    const swatch = rectangle(x, 62, 12, 12, { fill: color, rx: 2, stroke: '#8a8a8a', 'stroke-width': '0.6' })
    return swatch + text(x + 18, 72, label, { size: 11 })
  })
  if (hasAttention) parts.push(heatColorBar(MARGIN + 470, 61, 90, ['attention: min', 'max']))
  return parts
}

/** Above the first row of a block. */
function columnNames(cells: readonly Box[]): string {
  const style = { size: 11, anchor: 'middle', fill: FAINT } as const
  return cells.map(({ x, y, width }, c) => text(x + width / 2, y - ROW_GAP + 2, COLUMNS[c]!, style)).join('')
}

function structureRow(
  { structure, overlap, slice }: Shown,
  view: SampleView,
  images: SliceImages,
  box: Box,
  cells: readonly Box[],
): string {
  const { size, threshold } = view
  const pixel = extentOf(slice.plane, view).width / cells[0]!.width
  const truth = outlineOf(structure.truth, slice, view)
  const prediction = outlineOf(structure.prediction, slice, view)
  const layers = [
    outline(truth, TRUTH, pixel, 1.6) + outline(prediction, PREDICTION, pixel, 1.6),
    errors(structure, slice, view, pixel),
  ]
  if (structure.attention) {
    const map = heatLayer(structure.attention, slice, cells[0]!, view, heatRange(structure.attention))
    layers.push(map + outline(truth, '#ffffff', pixel, 0.8))
  }
  const parts = layers.map((layer, i) => images.shown(slice, cells[i]!, layer))
  const rule = line(box.x, box.y - ROW_GAP / 2, box.x + box.width - GAP, box.y - ROW_GAP / 2, GRID)
  const label = `slice ${slice.index + 1} of ${size[slice.plane.normal]}`
  return element(
    'g',
    { 'data-structure': structure.name },
    [rule, ...facts(structure, overlap, threshold, label, box), ...parts].join(''),
  )
}

/** Fills the intersection, and what only the ground truth or the prediction covers. */
function errors({ truth, prediction }: StructureView, slice: Slice, grid: Grid, pixel: number): string {
  const [t, p] = [maskSlice(truth, slice, grid.size), maskSlice(prediction, slice, grid.size)]
  const path = (isIn: (i: number) => boolean): string =>
    outlineOfSlice(
      t.map((_, i) => Number(isIn(i))),
      slice,
      grid,
    )
  return [
    region(
      path(i => t[i] === 1 && p[i] === 1),
      '#ffffff',
      0.3 * pixel,
      0.35,
    ),
    region(
      path(i => t[i] === 1 && p[i] === 0),
      TRUTH,
      0.3 * pixel,
      0.9,
    ),
    region(
      path(i => t[i] === 0 && p[i] === 1),
      PREDICTION,
      0.3 * pixel,
      0.9,
    ),
  ].join('')
}

function facts(structure: StructureView, overlap: Overlap, threshold: number, label: string, { x, y }: Box): string[] {
  const { dice, probability, name } = structure
  const verdict = verdictOf(structure, threshold)
  const truth = presenceText(structure)
  const style = verdict === '' ? {} : { fill: WRONG, bold: true }
  const faint = { size: 10, fill: FAINT }
  return [
    text(x, y + 12, fitted(name, LABELS - 16, 12), { size: 12, bold: true }),
    text(x, y + 30, `${truth}, p ${probability.toFixed(2)}`, style),
    verdict === '' ? '' : text(x, y + 45, verdict, style),
    dice === null ? '' : text(x + (verdict === '' ? 0 : 62), y + 45, `Dice ${dice.toFixed(3)}`),
    text(x, y + 66, `${overlap.truth} → ${overlap.prediction} voxels`, faint),
    text(x, y + 80, label, faint),
  ]
}
