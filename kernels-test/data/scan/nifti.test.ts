import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { readNifti } from '../../../src/data/scan/nifti/read.ts'
import { writeNifti } from '../../../src/data/scan/nifti/writer.ts'
import { orientationOf, reorient } from '../../../src/data/scan/orientation.ts'
import { InputError } from '../../../src/util/error.ts'
import { temporaryDirectory } from '../small_dataset.ts'
import { type NiftiFields, niftiBytes, RAS } from './nifti_bytes.ts'

const directory = temporaryDirectory()
const head = fileURLToPath(new URL('../../fixtures/head/KmeansTest_T1UCharRaw.nii.gz', import.meta.url))
let written = 0

function save(bytes: Buffer): string {
  const path = join(directory, `${written++}.nii${bytes[0] === 0x1f ? '.gz' : ''}`)
  writeFileSync(path, bytes)
  return path
}

const dims = [3, 4, 5] as const
const small: NiftiFields = { dims, type: 4, values: Array.from({ length: 60 }, (_, v) => v - 30), sform: RAS }

test('values come with k fastest, scaled, in either byte order, compressed or not', () => {
  for (const littleEndian of [true, false])
    for (const pack of [(bytes: Buffer) => bytes, gzipSync]) {
      const image = readNifti(save(pack(niftiBytes({ ...small, slope: 0.5, intercept: 3, littleEndian }))))
      expect([image.size, image.channels]).toEqual([[3, 4, 5], 1])
      for (let i = 0; i < 3; i++)
        for (let j = 0; j < 4; j++)
          for (let k = 0; k < 5; k++)
            expect(image.values[(i * 4 + j) * 5 + k]).toBe(((k * 4 + j) * 3 + i - 30) * 0.5 + 3)
    }
})

test('a fourth or fifth axis is channels, slowest', () => {
  const values = Array.from({ length: 120 }, (_, v) => v)
  for (const axes of [
    [3, 4, 5, 2],
    [3, 4, 5, 1, 2],
  ]) {
    const image = readNifti(save(niftiBytes({ ...small, dims: axes, values })))
    expect([image.channels, image.values[0], image.values[60]]).toEqual([2, 0, 60])
  }
})

test('the affine is the sform, else the qform, else the voxel sizes', () => {
  const pixdim = [2, 3, 4]
  // A quarter turn about z: i runs to +y, j to −x; k is turned over by the negative handedness.
  const qform = { quaternion: [0, 0, Math.SQRT1_2], offset: [10, 20, 30], qfac: -1 }
  const { sform, ...bare } = small
  const turned = readNifti(save(niftiBytes({ ...bare, pixdim, qform }))).affine
  const expected = [
    [0, -3, 0, 10],
    [2, 0, 0, 20],
    [0, 0, -4, 30],
  ]
  for (const [r, row] of expected.entries())
    for (const [c, value] of row.entries()) expect(turned[r]![c]!).toBeCloseTo(value, 5)
  expect(orientationOf(turned).code).toBe('ALI')
  expect(readNifti(save(niftiBytes({ ...small, pixdim, qform }))).affine).toEqual(RAS)
  expect(readNifti(save(niftiBytes({ ...bare, pixdim }))).affine.map((row, r) => row[r])).toEqual(pixdim)
})

test('axes are permuted and flipped to right, anterior, superior', () => {
  // Stored: i to the left, j up, k to the front.
  const affine = [
    [-1, 0, 0, 0],
    [0, 0, 1, 0],
    [0, 1, 0, 0],
  ] as [number[], number[], number[]]
  const orientation = orientationOf(affine)
  expect(orientation).toEqual({ axes: [0, 2, 1], flipped: [true, false, false], code: 'LSA' })
  const values = Float32Array.from({ length: 60 }, (_, v) => v)
  const turned = reorient(values, [3, 4, 5], orientation)
  expect(turned.size).toEqual([3, 5, 4])
  for (let r = 0; r < 3; r++)
    for (let a = 0; a < 5; a++)
      for (let s = 0; s < 4; s++) expect(turned.values[(r * 5 + a) * 4 + s]).toBe(values[((2 - r) * 4 + s) * 5 + a])
})

test('what is no NIfTI volume, or lies about itself, is refused with one line', () => {
  const header = (change: (bytes: Buffer) => void): string => {
    const bytes = niftiBytes(small)
    change(bytes)
    return save(bytes)
  }
  const whole = readFileSync(head)
  const bomb = niftiBytes({ ...small, values: new Float32Array(4_000_000) })
  const refusals: [string, RegExp][] = [
    [join(directory, 'nowhere.nii'), /nowhere\.nii: no such file/],
    [save(Buffer.from('a text, not a volume')), /is not a NIfTI file/],
    [save(niftiBytes(small).subarray(0, 400)), /holds 400 bytes, its header states 472: truncated/],
    [save(whole.subarray(0, 100_000)), /gzip stream is damaged or truncated/],
    [save(gzipSync(gunzipSync(whole).subarray(0, 100_000))), /holds 100000 bytes.*truncated/],
    [save(gzipSync(bomb)), /decompresses to more than its header states/],
    [
      header(bytes => [32767, 32767, 32767].map((axis, i) => bytes.writeInt16LE(axis, 42 + 2 * i))),
      /at most 1073741824/,
    ],
    [header(bytes => bytes.writeInt16LE(-4, 44)), /header states axes \(3, -4, 5\)/],
    [header(bytes => bytes.writeInt16LE(2, 40)), /has 2 axes/],
    [header(bytes => bytes.writeInt16LE(128, 70)), /voxel type 128 is not a real number/],
    [header(bytes => bytes.writeFloatLE(Number.NaN, 108)), /puts the voxels at byte NaN/],
    [header(bytes => bytes.writeFloatLE(1e12, 108)), /puts the voxels at byte/],
    [header(bytes => bytes.writeFloatLE(0, 280)), /affine .* not invertible/],
  ]
  for (const [path, message] of refusals) {
    expect(() => readNifti(path)).toThrow(InputError)
    expect(() => readNifti(path)).toThrow(message)
  }
})

test('labels are written on the grid of the image they belong to', () => {
  const image = readNifti(head)
  const labels = Uint8Array.from({ length: image.values.length }, (_, v) => v % 251)
  for (const name of ['labels.nii', 'labels.nii.gz']) {
    const path = join(directory, name)
    writeNifti(path, labels, image)
    const back = readNifti(path)
    expect([back.size, back.affine, back.geometry]).toEqual([image.size, image.affine, image.geometry])
    expect(Buffer.from(Uint8Array.from(back.values)).equals(Buffer.from(labels))).toBe(true)
  }
})
