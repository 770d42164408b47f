import { heatColorBar } from '../chart/color_bar.ts'
import { WRONG } from '../chart/palette.ts'
import { coordinate, element, FAINT, fitted, picture, text, widthOf } from '../chart/svg.ts'
import { verdictOf } from './overlap.ts'
import { extentOf } from './slice.ts'
import { type HeatRange, heatLayer, heatRange, outline, outlineOf, SliceImages } from './slice_picture.ts'
import { largestSlice } from './structure_pictures.ts'
import { presenceText, type SampleView, type StructureView } from './view.ts'

/** The drawn attention map of one structure in one sample. Small, whatever the size of the volume. */
export interface AttentionTile {
  name: string
  caption: string
  /** of the map */
  range: HeatRange
  isWrong: boolean
  /** SVG from (0, 0) on, in pixels */
  svg: string
  height: number
}

/** A sample's tiles. */
export interface AttentionRow {
  title: string
  tiles: readonly AttentionTile[]
  /** number of structures without a tile */
  omitted: number
}

const TILE = 150 // pixels
const GAP = 12
const COLUMNS = 7
const MOST = 28 // tiles per sample
const MARGIN = 24
const HEAD = 64
const ROW_HEAD = 26
const CAPTIONS = 38

/** The row of a sample; undefined if its structures have no attention maps. */
export function attentionRow(view: SampleView): AttentionRow | undefined {
  const structures = view.structures.filter(({ attention }) => attention)
  if (structures.length === 0) return undefined
  const images = new SliceImages(view.image, view, `attention ${view.title}`)
  const tiles = structures.slice(0, MOST).map(structure => tileOf(structure, view, images))
  return { title: view.title, tiles, omitted: structures.length - tiles.length }
}

function tileOf(structure: StructureView, view: SampleView, images: SliceImages): AttentionTile {
  const { name, probability, truth } = structure
  const attention = structure.attention!
  const slice = largestSlice(structure, view.size)
  const plane = extentOf(slice.plane, view)
  const scale = TILE / Math.max(plane.width, plane.height)
  const [width, height] = [plane.width * scale, plane.height * scale]
  const range = heatRange(attention)
  const cell = { x: (TILE - width) / 2, y: 0, width, height }
  const layers =
    heatLayer(attention, slice, cell, view, range) + outline(outlineOf(truth, slice, view), '#ffffff', 1 / scale, 1.2)
  const verdict = verdictOf(structure, view.threshold)
  return {
    name,
    caption: `${verdict || presenceText(structure)}, p ${probability.toFixed(2)}`,
    range,
    isWrong: verdict !== '',
    svg: images.shown(slice, cell, layers),
    height,
  }
}

/** Draws the attention map of each structure, sample by sample (SVG). */
export function attentionOverview(rows: readonly AttentionRow[]): string {
  const columns = Math.min(COLUMNS, Math.max(4, ...rows.map(({ tiles }) => tiles.length)))
  const width = 2 * MARGIN + columns * (TILE + GAP) - GAP
  const parts = [
    text(MARGIN, 30, 'Attention', { size: 17, bold: true }),
    text(
      MARGIN,
      50,
      'Axial slice in which the structure is largest. White: ground truth; p: predicted probability of presence',
      { size: 12, fill: FAINT },
    ),
    heatColorBar(width - MARGIN - 200, 21, 90, ['min', 'max per map']),
  ]
  let y = HEAD
  for (const { title, tiles, omitted } of rows) {
    const note = omitted > 0 ? ` (the first ${tiles.length} of ${tiles.length + omitted} structures)` : ''
    parts.push(text(MARGIN, y + 14, fitted(title + note, width - 2 * MARGIN, 13), { size: 13, bold: true }))
    y += ROW_HEAD
    const tall = tiles[0]!.height + CAPTIONS
    for (const [i, tile] of tiles.entries())
      parts.push(placed(tile, MARGIN + (i % columns) * (TILE + GAP), y + Math.floor(i / columns) * tall))
    y += Math.ceil(tiles.length / columns) * tall + GAP
  }
  return picture(width, y + MARGIN - GAP, '#ffffff', parts.join('\n'))
}

function placed({ name, caption, range, isWrong, svg, height }: AttentionTile, x: number, y: number): string {
  const values = range.map(value => value.toFixed(2)).join('–')
  const room = TILE - widthOf(values, 9) - 6
  const texts = [
    text(0, height + 13, fitted(name, room, 11), { size: 11 }),
    text(TILE, height + 13, values, { size: 9, fill: FAINT, anchor: 'end' }),
    text(0, height + 26, caption, { size: 10, fill: isWrong ? WRONG : FAINT, bold: isWrong }),
  ]
  return element('g', { 'data-structure': name, transform: `translate(${x} ${coordinate(y)})` }, svg + texts.join(''))
}
