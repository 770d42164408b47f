import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dicomBytes, type Item, type Syntax } from './bytes.ts'

export const [COLUMNS, ROWS, DEPTH] = [4, 3, 5] as const
export const SERIES = '1.2.3.4'

/** What is stored at column i, row j of slice k: negative in part. */
export const stored = (i: number, j: number, k: number): number => 100 * k + 10 * j + i - 130

/** What a slice says of itself: 2 mm between rows, 0.5 mm between columns, 3 mm between slices. */
export function sliceElements(k: number, changes: Item = {}): Item {
  return {
    524296: ['CS', 'ORIGINAL\\PRIMARY\\AXIAL'],
    524310: ['UI', '1.2.840.10008.5.1.4.1.1.2'],
    524312: ['UI', `1.2.3.5.${k + 1}`],
    524384: ['CS', 'CT'],
    528446: ['LO', 'thorax'],
    1048592: ['PN', 'Doe^Jane'],
    1048608: ['LO', 'P7'],
    1572944: ['DS', '9'], // thickness, that says nothing of the distance
    2097165: ['UI', '1.2.3'],
    2097166: ['UI', SERIES],
    2097169: ['IS', '4'],
    2097202: ['DS', `-10\\20\\${30 + 3 * k}`],
    2097207: ['DS', '1\\0\\0\\0\\1\\0'],
    2097234: ['UI', '1.2.3.9'],
    2621442: ['US', [1]],
    2621444: ['CS', 'MONOCHROME2'],
    2621456: ['US', [ROWS]],
    2621457: ['US', [COLUMNS]],
    2621488: ['DS', '2\\0.5'],
    2621696: ['US', [16]],
    2621697: ['US', [16]],
    2621698: ['US', [15]],
    2621699: ['US', [1]],
    ...changes,
  }
}

export function pixelsOf(k: number): number[] {
  return Array.from({ length: ROWS * COLUMNS }, (_, v) => stored(v % COLUMNS, Math.floor(v / COLUMNS), k))
}

/** A slice's file. */
export function sliceBytes(k: number, changes: Item = {}, syntax: Syntax = 'explicit'): Buffer {
  return dicomBytes(syntax, sliceElements(k, changes), pixelsOf(k))
}

/** A folder of slices whose names say nothing of their order. */
export function writeSeries(
  folder: string,
  { changes = () => ({}), syntax = 'explicit', prefix = 'IM' }: SeriesOptions = {},
): string {
  mkdirSync(folder, { recursive: true })
  for (let k = 0; k < DEPTH; k++)
    writeFileSync(join(folder, `${prefix}${(k * 3) % DEPTH}`), sliceBytes(k, changes(k), syntax))
  return folder
}

/** One file of all slices, in an order of its own; they run downwards, each with an intercept of its own. */
export function writeEnhanced(path: string, syntax: Syntax = 'explicit'): string {
  const order = [3, 0, 4, 1, 2]
  const { 0x00200032: _, 0x00200037: orientation, 0x00280030: spacing, ...rest } = sliceElements(0)
  const elements: Item = {
    ...rest,
    2621448: ['IS', '5'],
    1375769129: ['SQ', [{ 2134294: ['SQ', [{ 2097207: orientation! }]], 2658576: ['SQ', [{ 2621488: spacing! }]] }]],
    1375769136: [
      'SQ',
      order.map(k => ({
        2134291: ['SQ', [{ 2097202: ['DS', `-10\\20\\${30 - 3 * k}`] }]],
        2658629: ['SQ', [{ 2625618: ['DS', `${-k}`], 2625619: ['DS', '2'] }]],
      })),
    ],
  }
  writeFileSync(path, dicomBytes(syntax, elements, order.flatMap(pixelsOf)))
  return path
}

interface SeriesOptions {
  changes?: (k: number) => Item
  syntax?: Syntax
  prefix?: string
}
