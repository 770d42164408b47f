import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { deflateSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { orientationOf } from '../../../src/data/scan/orientation.ts'
import { readScan } from '../../../src/data/scan/read_scan.ts'
import { readVolumeGrid } from '../../../src/data/scan/volume/volume.ts'
import { InputError } from '../../../src/util/error.ts'
import { temporaryDirectory } from '../small_dataset.ts'
import { type Fields, metaBytes, metaHeader, type StoredType, storedBytes } from './text_volumes.ts'

const directory = temporaryDirectory()
let written = 0

function save(bytes: Uint8Array | string, name = 'a.mha'): string {
  const path = join(directory, `${written++}`, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
  return path
}

const count = (length: number): number[] => Array.from({ length }, (_, v) => v)
const numbers = count(60).map(v => v - 30)
const shorts = storedBytes(numbers, 'int16')
const headerOf = (fields: Fields) => readVolumeGrid(save(metaBytes(fields, shorts)))

test('values come with k fastest, in either byte order, raw or packed', () => {
  for (const isBig of [false, true])
    for (const fields of [{}, { CompressedData: 'True' }, { CompressedData: 'True', CompressedDataSize: 'right' }]) {
      const voxels = storedBytes(numbers, 'int16', !isBig)
      const order = { BinaryDataByteOrderMSB: isBig ? 'True' : 'False' }
      const { size, channels, values } = readScan(save(metaBytes({ ...order, ...fields }, voxels)))
      expect([size, channels]).toEqual([[3, 4, 5], 1])
      expect(values).toBeInstanceOf(Int16Array)
      for (let i = 0; i < 3; i++)
        for (let j = 0; j < 4; j++)
          for (let k = 0; k < 5; k++) expect(values[(i * 4 + j) * 5 + k]).toBe((k * 4 + j) * 3 + i - 30)
    }
  const older = { BinaryDataByteOrderMSB: undefined, ElementByteOrderMSB: 'True' }
  expect(readScan(save(metaBytes(older, storedBytes(numbers, 'int16', false)))).values[0]).toBe(-30)
  const windows = metaHeader().replaceAll('\n', '\r\n')
  expect(readScan(save(Buffer.concat([Buffer.from(windows), shorts]))).values[0]).toBe(-30)
})

test('every voxel type of one number is read', () => {
  const types: Record<string, StoredType> = {
    MET_CHAR: 'int8',
    MET_UCHAR: 'uint8',
    MET_SHORT: 'int16',
    MET_USHORT: 'uint16',
    MET_INT: 'int32',
    MET_UINT: 'uint32',
    MET_LONG: 'int32',
    MET_ULONG: 'uint32',
    MET_LONG_LONG: 'int64',
    MET_ULONG_LONG: 'uint64',
    MET_FLOAT: 'float32',
    MET_DOUBLE: 'float64',
    MET_FLOAT_ARRAY: 'float32',
  }
  for (const [ElementType, type] of Object.entries(types)) {
    const own = type.startsWith('u') ? numbers.map(v => v + 90) : numbers
    const { values } = readScan(save(metaBytes({ ElementType }, storedBytes(own, type))))
    expect([values[0], values[59]], ElementType).toEqual([own[0], own[59]])
  }
})

test('rows of the matrix are the axes, left, posterior, superior; its names and those of the offset are the same', () => {
  const turned = [
    [0, -1, 0, -10],
    [0, 0, -2, -20],
    [-3, 0, 0, 30],
  ]
  const matrix = '0 0 -1 1 0 0 0 1 0'
  const ElementSpacing = '3 1 2'
  for (const name of ['TransformMatrix', 'Rotation', 'Orientation'])
    for (const place of ['Offset', 'Position', 'Origin']) {
      const none = { TransformMatrix: undefined, Offset: undefined }
      const { affine, warnings } = headerOf({ ...none, ElementSpacing, [name]: matrix, [place]: '10 20 30' })
      expect(affine).toEqual(turned)
      expect(orientationOf(affine).code).toBe('ILP')
      expect(warnings).toEqual([])
    }
  expect(headerOf({ AnatomicalOrientation: 'LPS' }).affine).toEqual(headerOf({}).affine)
})

test('channels alternate, or are the fourth axis', () => {
  const voxels = storedBytes(count(120), 'int16')
  const alternating = readScan(save(metaBytes({ ElementNumberOfChannels: '2' }, voxels)))
  expect([alternating.channels, ...alternating.values.subarray(0, 2), alternating.values[60]]).toEqual([2, 0, 24, 1])
  const four = {
    NDims: '4',
    DimSize: '3 4 5 2',
    TransformMatrix: '1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1',
    Offset: '10 20 30 0',
    ElementSpacing: '1 2 3 1',
  }
  const volumes = readScan(save(metaBytes(four, voxels)))
  expect([volumes.channels, volumes.values[0], volumes.values[60]]).toEqual([2, 0, 60])
  expect(volumes.affine).toEqual(headerOf({}).affine)
})

test('what the header leaves in doubt is taken as ITK takes it, and said', () => {
  const none = headerOf({ TransformMatrix: undefined, ElementSpacing: undefined, Offset: undefined })
  expect(none.affine).toEqual([
    [-1, 0, 0, 0],
    [0, -1, 0, 0],
    [0, 0, 1, 0],
  ])
  expect(none.warnings).toEqual([
    expect.stringMatching(/^states no orientation \(TransformMatrix\).*left, posterior.*swapped/),
    expect.stringMatching(/no voxel spacing/),
  ])
  expect(headerOf({ ElementSpacing: undefined, ElementSize: '1 2 3' }).affine).toEqual(headerOf({}).affine)
  expect(headerOf({ DistanceUnits: 'mm' }).warnings).toEqual([])
  const inCentimetres = headerOf({ DistanceUnits: 'cm' })
  expect(inCentimetres.affine[2]).toEqual([0, 0, 30, 300])
  expect(inCentimetres.warnings).toEqual([expect.stringMatching(/lengths are in cm \(DistanceUnits\)/)])
  expect(headerOf({ ElementSpacing: '900 900 900' }).warnings).toEqual([expect.stringMatching(/field of view/)])
})

test('voxels may be in a file beside the header, behind another header', () => {
  const detached = (fields: Fields, data: Uint8Array, file = 'a.raw'): string => {
    const path = save(metaHeader({ ...fields, ElementDataFile: file }), 'a.mhd')
    mkdirSync(dirname(join(dirname(path), file)), { recursive: true })
    writeFileSync(join(dirname(path), file), data)
    return path
  }
  const behind = Buffer.concat([Buffer.from('seven b'), shorts])
  for (const path of [
    detached({}, shorts),
    detached({}, shorts, 'voxels/of it.raw'),
    detached({ CompressedData: 'True' }, deflateSync(shorts), 'a.zraw'),
    detached({ CompressedData: 'True' }, gzipSync(shorts), 'a.zraw'),
    detached({ HeaderSize: '7' }, behind),
    detached({ HeaderSize: '-1' }, behind),
  ])
    expect(readScan(path).values[1], path).toBe(shorts.readInt16LE(24))
  const unfinished = detached({}, shorts)
  writeFileSync(unfinished, metaHeader({ ElementDataFile: 'a.raw' }).trimEnd())
  expect(readScan(unfinished).values[0]).toBe(-30)
})

test('what is no MetaImage volume, or lies about itself, is refused with one line', () => {
  const packed = { CompressedData: 'True' }
  const refusals: [string | Fields, RegExp][] = [
    [join(directory, 'nowhere.mha'), /nowhere\.mha: no such file, expected a MetaImage file/],
    [save('a text, not a volume'), /is not a MetaImage file .*first line is not "name = value"/],
    [save(Buffer.alloc(2 ** 21, 'x')), /no header ends in its first 1048576 bytes/],
    [save(''), /states no 'NDims'/],
    [save(metaHeader().replace('NDims', 'one\nNDims')), /line 2 of its header is 'one'/],
    [{ ObjectType: 'Tube' }, /ObjectType is 'Tube', expected Image/],
    [{ NDims: undefined }, /states no 'NDims'/],
    [{ NDims: '2' }, /NDims is '2', expected a volume with three or four axes/],
    [{ NDims: 'three' }, /NDims is 'three', expected 1 number/],
    [{ BinaryData: 'False' }, /numbers as text are not supported/],
    [{ BinaryDataByteOrderMSB: 'perhaps' }, /BinaryDataByteOrderMSB is 'perhaps', expected True, False/],
    [{ ElementType: undefined }, /states no 'ElementType'/],
    [{ ElementType: 'MET_STRING' }, /ElementType is 'MET_STRING', expected MET_SHORT/],
    [{ DimSize: undefined }, /states no 'DimSize'/],
    [{ DimSize: '3 4' }, /DimSize is '3 4', expected 3 numbers/],
    [{ DimSize: '3 -4 5' }, /expected positive lengths/],
    [{ DimSize: '3 4.5 5' }, /expected positive lengths/],
    [{ DimSize: 'nan 4 5' }, /expected 3 numbers/],
    [{ DimSize: '99999 99999 99999' }, /its header states \S+ bytes of voxels, at most 1073741824/],
    [{ DimSize: '3 4 6' }, /holds 120 bytes of voxels, its header states 144: truncated/],
    [{ ElementNumberOfChannels: '0' }, /an integer of at least 1/],
    [{ ElementNumberOfChannels: '1e9' }, /at most 1073741824/],
    [
      {
        NDims: '4',
        DimSize: '3 4 5 2',
        ElementNumberOfChannels: '2',
        TransformMatrix: undefined,
        Offset: undefined,
        ElementSpacing: undefined,
      },
      /2 volumes of 2 channels/,
    ],
    [{ ElementSpacing: '1 0 1' }, /ElementSpacing is '1 0 1', expected numbers above 0/],
    [{ ElementSpacing: '1 -1 1' }, /numbers above 0/],
    [{ ElementSpacing: '1 nan 1' }, /expected 3 numbers/],
    [{ TransformMatrix: '1 0 0 1' }, /TransformMatrix is '1 0 0 1', expected 9 numbers/],
    [{ TransformMatrix: '1 0 0 1 0 0 0 0 1' }, /its axes \(TransformMatrix, ElementSpacing\) span no volume/],
    [{ Offset: '1 2' }, /Offset is '1 2', expected 3 numbers/],
    [{ Position: '1 2 3' }, /states 'Position' twice/],
    [{ HeaderSize: '-2' }, /HeaderSize is '-2'/],
    [{ HeaderSize: '-1', ...packed }, /because the voxels are packed/],
    [{ HeaderSize: '1e12' }, /truncated/],
    [{ ...packed, CompressedDataSize: '99999' }, /states 99999: truncated/],
    [{ ElementDataFile: 'gone.raw' }, /gone\.raw: no such file, expected the voxels of .*a\.mha/],
    [{ ElementDataFile: '../a.raw' }, /its voxels are in '\.\.\/a\.raw', expected a file in the folder/],
    [{ ElementDataFile: '/etc/hostname' }, /expected a file in the folder/],
    [{ ElementDataFile: 'LIST' }, /expected one file, not several/],
    [{ ElementDataFile: 'x%03d.raw 1 9 1' }, /not several/],
    [save(metaBytes(packed, shorts).subarray(0, -20)), /zlib stream is damaged or truncated/],
    [save(metaBytes(packed, Buffer.alloc(8_000_000))), /decompresses to more than the header states/],
    [save(metaBytes({ ...packed, DimSize: '3 4 50' }, shorts)), /holds 120 bytes of voxels, its header states 1200/],
  ]
  for (const [file, message] of refusals) {
    const path = typeof file === 'string' ? file : save(metaBytes(file, shorts))
    expect(() => readScan(path), String(message)).toThrow(InputError)
    expect(() => readScan(path)).toThrow(message)
  }
})
