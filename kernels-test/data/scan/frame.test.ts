import { expect, test } from 'vitest'
import { Frame, sizeAtSpacing } from '../../../src/data/scan/frame.ts'
import { patchStarts } from '../../../src/data/scan/patches.ts'
import type { FrameRule } from '../../../src/data/scan/preparation.ts'
import { resampleImage } from '../../../src/data/scan/resample.ts'
import { type ImageSize, sizeOf } from '../../../src/util/shape.ts'
import { everyOrientation } from './orientations.ts'

const WHOLE: FrameRule = { kind: 'field_of_view' }

function constant(...spacing_mm: [number, number, number]): FrameRule {
  return { kind: 'spacing', spacing_mm }
}

function grid(size: ImageSize, spacing = [1, 1, 1], origin = [0, 0, 0]) {
  const affine = spacing.map((length, r) => [0, 1, 2].map(c => (r === c ? length : 0)).concat(origin[r]!))
  return { size, affine: affine as [number[], number[], number[]] }
}

const numbered = (size: ImageSize): Float32Array => Float32Array.from({ length: sizeOf(size) }, (_, v) => v + 1)

function toModel(frame: Frame, values: Float32Array): Float32Array {
  const target = new Float32Array(sizeOf(frame.size))
  frame.imageToModel(values, target)
  return target
}

test('there and back at the native grid is the identity, in all 48 orientations, oblique or not', () => {
  for (const { affine, size, native, spacing } of everyOrientation())
    for (const rule of [WHOLE, constant(...spacing)]) {
      const frame = new Frame({ size, affine }, rule, native)
      const values = numbered(size)
      const isSame = (back: Float32Array): boolean => Buffer.from(back.buffer).equals(Buffer.from(values.buffer))
      expect(isSame(frame.imageToScan(toModel(frame, values)))).toBe(true)
      const labels = new Float32Array(sizeOf(native))
      frame.labelsToModel(values, labels)
      expect(isSame(frame.imageToScan(labels))).toBe(true)
      for (const [axis, length] of frame.spacing.entries()) expect(length).toBeCloseTo(spacing[axis]!, 5)
      expect(frame.isCropped).toBe(false)
    }
})

test('all orientations of one head are the same in the frame', () => {
  const first = everyOrientation()[0]!
  const world = (affine: number[][], [i, j, k]: number[]): number[] =>
    affine.map(row => row[0]! * i! + row[1]! * j! + row[2]! * k! + row[3]!)
  // the position along right, anterior, superior is the intensity, so every orientation must give the same volume
  const reference = new Map<number, Float32Array>()
  for (const { affine, size, native, tilt } of everyOrientation()) {
    const values = new Float32Array(sizeOf(size))
    let v = 0
    for (let i = 0; i < size[0]; i++)
      for (let j = 0; j < size[1]; j++)
        for (let k = 0; k < size[2]; k++) {
          const [x, y, z] = world(affine, [i, j, k]) as [number, number, number]
          values[v++] = x + 3 * y + 7 * z
        }
    const placed = toModel(new Frame({ size, affine }, constant(2, 2, 2), [16, 16, 16]), values)
    const expected = reference.get(tilt) ?? placed
    reference.set(tilt, expected)
    expect(Math.max(...placed.map((value, at) => Math.abs(value - expected[at]!)))).toBeLessThan(1e-3)
    expect(native).toEqual(first.native)
  }
})

test('a constant spacing crops and pads about the centre: 0 outside the scan, probability 0 outside the frame', () => {
  const size: ImageSize = [6, 4, 2]
  const frame = new Frame(grid(size, [1, 2, 3]), constant(1, 2, 3), [4, 8, 2])
  expect([frame.spacing, frame.isCropped]).toEqual([[1, 2, 3], true])
  const values = numbered(size)
  const placed = toModel(frame, values)
  const stored = (h: number, w: number, d: number): number => placed[(h * 8 + w) * 2 + d]!
  for (let h = 0; h < 4; h++)
    for (let w = 0; w < 8; w++)
      for (let d = 0; d < 2; d++)
        expect(stored(h, w, d)).toBe(w < 2 || w > 5 ? 0 : values[((h + 1) * 4 + w - 2) * 2 + d])
  const back = frame.imageToScan(new Float32Array(64).fill(1))
  for (let h = 0; h < 6; h++) expect(back[h * 8]).toBe(h < 1 || h > 4 ? 0 : 1)
  expect(frame.countOutside(values, () => true)).toBe(16)
  expect(frame.countOutside(values, value => value === 1)).toBe(1)
  const labels = new Uint8Array(64)
  frame.labelsToModel(values, labels)
  expect(Float32Array.from(labels)).toEqual(placed)
  // an odd difference: moved by half a voxel rather than blended of two
  expect([...toModel(new Frame(grid([3, 1, 1]), constant(1, 1, 1), [4, 1, 1]), Float32Array.of(5, 6, 7))]).toEqual([
    0, 5, 6, 7,
  ])
})

test('another spacing interpolates between centres, and the way back meets them', () => {
  const size: ImageSize = [8, 1, 1]
  const frame = new Frame(grid(size, [2, 1, 1]), constant(1, 1, 1), [16, 1, 1])
  const ramp = Float32Array.from({ length: 8 }, (_, v) => 10 * v)
  const placed = toModel(frame, ramp)
  // centres at 0.5, 1.5 … mm; the scan's at 1, 3 … mm: a quarter of a voxel to either side
  expect([...placed.subarray(0, 5)]).toEqual([0, 2.5, 7.5, 12.5, 17.5])
  expect(placed[15]).toBe(70)
  const back = frame.imageToScan(placed)
  for (let v = 1; v < 7; v++) expect(back[v]).toBeCloseTo(10 * v, 4)
  expect(sizeAtSpacing(grid([10, 5, 3], [1.5, 2, 2.5]), [1, 2, 2.500001])).toEqual([15, 5, 3])
})

test('shrinking by more than two takes means: nothing between two centres is lost', () => {
  const target = new Float32Array(4)
  const striped = Float32Array.from({ length: 32 }, (_, v) => (v % 8 === 1 ? 80 : 0))
  resampleImage(striped, [32, 1, 1], [4, 1, 1], target)
  expect([...target]).toEqual([10, 10, 10, 10])
  resampleImage(Float32Array.of(0, 1, 2, 3, 4, 5, 6), [7, 1, 1], [2, 1, 1], target)
  expect(target[0]).toBeCloseTo((0 + 1 + 2 + 3 / 2) / 3.5, 6)
  // up to two, linear between two centres, as PyTorch's interpolate
  resampleImage(Float32Array.of(0, 1, 2, 3), [4, 1, 1], [2, 1, 1], target)
  expect([...target.subarray(0, 2)]).toEqual([0.5, 2.5])
  const half = new Float32Array(8)
  resampleImage(
    Float32Array.from({ length: 64 }, (_, v) => v % 4),
    [4, 4, 4],
    [2, 2, 2],
    half,
  )
  expect([...half]).toEqual([0.5, 2.5, 0.5, 2.5, 0.5, 2.5, 0.5, 2.5])
})

test('a structure smaller than the model’s voxels is marked where it lies', () => {
  const frame = new Frame(grid([16, 16, 16]), WHOLE, [4, 4, 4])
  const labels = new Float32Array(4096)
  labels[(1 * 16 + 5) * 16 + 15] = 3
  const placed = new Uint8Array(64)
  frame.labelsToModel(labels, placed)
  expect(placed.includes(3)).toBe(false)
  frame.markInModel(labels, value => value === 3, placed)
  expect(placed.indexOf(1)).toBe((0 * 4 + 1) * 4 + 3)
})

test('patches lie a stride apart and reach the end', () => {
  expect(patchStarts([32, 16, 16], [16, 16, 16], [8, 8, 8]).map(([h]) => h)).toEqual([0, 8, 16])
  expect(patchStarts([27, 16, 16], [16, 16, 16], [8, 8, 8]).map(([h]) => h)).toEqual([0, 8, 11])
  expect(patchStarts([20, 20, 16], [16, 16, 16], [8, 16, 1])).toEqual([
    [0, 0, 0],
    [0, 4, 0],
    [4, 0, 0],
    [4, 4, 0],
  ])
})
