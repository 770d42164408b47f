import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { orientationOf } from '../../../src/data/scan/orientation.ts'
import { readScan } from '../../../src/data/scan/read_scan.ts'
import { readVolumeGrid } from '../../../src/data/scan/volume/volume.ts'
import { InputError } from '../../../src/util/error.ts'
import { temporaryDirectory } from '../small_dataset.ts'
import { type Fields, nrrdBytes, nrrdHeader, type StoredType, storedBytes } from './text_volumes.ts'

const directory = temporaryDirectory()
let written = 0

function save(bytes: Uint8Array | string, name = 'a.nrrd'): string {
  const path = join(directory, `${written++}`, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
  return path
}

const count = (length: number): number[] => Array.from({ length }, (_, v) => v)
const shorts = storedBytes(
  count(60).map(v => v - 30),
  'int16',
)
const headerOf = (fields: Fields, voxels = shorts) => readVolumeGrid(save(nrrdBytes(fields, voxels)))

test('values come with k fastest, in either byte order, raw or gzip, behind LF or CRLF', () => {
  for (const endian of ['little', 'big'])
    for (const encoding of ['raw', 'gzip', 'gz']) {
      const voxels = storedBytes(
        count(60).map(v => v - 30),
        'int16',
        endian === 'little',
      )
      const { size, channels, values } = readScan(save(nrrdBytes({ endian, encoding }, voxels)))
      expect([size, channels]).toEqual([[3, 4, 5], 1])
      expect(values).toBeInstanceOf(Int16Array)
      for (let i = 0; i < 3; i++)
        for (let j = 0; j < 4; j++)
          for (let k = 0; k < 5; k++) expect(values[(i * 4 + j) * 5 + k]).toBe((k * 4 + j) * 3 + i - 30)
    }
  const windows = `${nrrdHeader().replaceAll('\n', '\r\n')}\r\n`
  expect(readScan(save(Buffer.concat([Buffer.from(windows), shorts]))).values[0]).toBe(-30)
})

test('every name of every voxel type means that type', () => {
  const names: [StoredType, string[]][] = [
    ['int8', ['signed char', 'int8', 'int8_t']],
    ['uint8', ['uchar', 'unsigned char', 'uint8', 'uint8_t']],
    ['int16', ['short', 'short int', 'signed short', 'signed short int', 'int16', 'int16_t']],
    ['uint16', ['ushort', 'unsigned short', 'unsigned short int', 'uint16', 'uint16_t']],
    ['int32', ['int', 'signed int', 'int32', 'int32_t']],
    ['uint32', ['uint', 'unsigned int', 'uint32', 'uint32_t']],
    [
      'int64',
      ['longlong', 'long long', 'long long int', 'signed long long', 'signed long long int', 'int64', 'int64_t'],
    ],
    ['uint64', ['ulonglong', 'unsigned long long', 'unsigned long long int', 'uint64', 'uint64_t']],
    ['float32', ['float']],
    ['float64', ['double']],
  ]
  for (const [type, aliases] of names) {
    const isSigned = !type.startsWith('u')
    const numbers = count(60).map(v => (isSigned ? v - 30 : v + 60))
    for (const alias of aliases) {
      const { values } = readScan(save(nrrdBytes({ type: alias }, storedBytes(numbers, type))))
      expect(values[0], alias).toBe(numbers[0])
      expect(values[59], alias).toBe(numbers[59])
    }
  }
})

test('the affine follows from space, directions and origin: left-posterior-superior becomes right-anterior-superior', () => {
  const directions = '(0,0,-3) (1,0,0) (0,2,0)'
  const turned = (space: string) => headerOf({ space, 'space directions': directions })
  for (const space of ['left-posterior-superior', 'LPS', 'Left-Posterior-Superior']) {
    const { affine, warnings } = turned(space)
    expect(affine).toEqual([
      [0, -1, 0, -10],
      [0, 0, -2, -20],
      [-3, 0, 0, 30],
    ])
    expect(orientationOf(affine).code).toBe('ILP')
    expect(warnings).toEqual([])
  }
  expect(turned('right-anterior-superior').affine).toEqual([
    [0, 1, 0, 10],
    [0, 0, 2, 20],
    [-3, 0, 0, 30],
  ])
  expect(turned('LAS').affine[0]).toEqual([0, -1, 0, -10])
  expect(turned('LAS').affine[1]).toEqual([0, 0, 2, 20])
})

test('an axis without direction is channels, wherever it stands', () => {
  const voxels = storedBytes(count(120), 'int16')
  const at = (fields: Fields) => readScan(save(nrrdBytes({ dimension: '4', ...fields }, voxels)))
  const [x, y, z] = ['(1,0,0)', '(0,2,0)', '(0,0,3)']
  for (const [kind, axis] of [
    ['vector', 0],
    ['RGB-color', 0],
    ['list', 1],
    ['list', 2],
    ['time', 3],
  ] as const) {
    const inserted = <T>(words: T[], word: T): string => [...words.slice(0, axis), word, ...words.slice(axis)].join(' ')
    const sizes = [3, 4, 5]
    const scan = at({
      sizes: inserted(sizes, 2),
      'space directions': inserted([x, y, z], 'none'),
      kinds: inserted(['domain', 'domain', 'domain'], kind),
    })
    expect([scan.size, scan.channels]).toEqual([[3, 4, 5], 2])
    const lengths = [...sizes.slice(0, axis), 2, ...sizes.slice(axis)]
    for (const [c, i, j, k] of [
      [0, 0, 0, 0],
      [0, 2, 1, 4],
      [1, 0, 0, 0],
      [1, 1, 3, 2],
      [1, 2, 3, 4],
    ] as const) {
      const place: number[] = [i, j, k]
      place.splice(axis, 0, c)
      const stored = place.reduceRight((sum, index, a) => sum * lengths[a]! + index, 0)
      expect(scan.values[((c * 3 + i) * 4 + j) * 5 + k], `${kind} ${axis}`).toBe(stored)
    }
  }
  const inTime = at({
    space: 'left-posterior-superior-time',
    sizes: '3 4 5 2',
    kinds: undefined,
    'space directions': '(1,0,0,0) (0,2,0,0) (0,0,3,0) (0,0,0,9)',
    'space origin': '(10,20,30,40)',
    'space units': '"mm" "mm" "mm" "s"',
  })
  expect(inTime).toMatchObject({ size: [3, 4, 5], channels: 2, warnings: [] })
  expect(inTime.affine).toEqual(headerOf({}).affine)
  const bare = { space: undefined, 'space directions': undefined, 'space origin': undefined }
  expect(at({ ...bare, kinds: undefined, sizes: '3 4 5 2' })).toMatchObject({ size: [3, 4, 5], channels: 2 })
  expect(at({ ...bare, kinds: undefined, sizes: '2 3 4 5', spacings: 'nan 1 2 3' }).size).toEqual([3, 4, 5])
  expect(
    at({ sizes: '1 3 4 5', kinds: 'stub domain domain domain', 'space directions': `none ${x} ${y} ${z}` }).channels,
  ).toBe(1)
})

test('what the header leaves in doubt is taken as ITK takes it, and said', () => {
  const bare = { space: undefined, 'space directions': undefined, 'space origin': undefined }
  const spaced = headerOf({ ...bare, spacings: '2 3 4' })
  expect(spaced.affine.map((row, r) => row[r])).toEqual([-2, -3, 4])
  expect(spaced.warnings).toEqual([
    expect.stringMatching(/^states no space directions: .*left, posterior and superior.*swapped/),
  ])
  expect(headerOf(bare).warnings).toEqual([
    expect.stringMatching(/no space dir/),
    'states no voxel spacing: 1 mm is taken',
  ])
  const unturned = headerOf({ 'space directions': undefined, space: 'RAS', spacings: '2 3 4' })
  expect(unturned.affine.map((row, r) => row[r])).toEqual([2, 3, 4])
  expect(unturned.warnings).toEqual([expect.stringMatching(/right, anterior and superior, like those of its space/)])
  const nameless = headerOf({ space: undefined, 'space dimension': '3' })
  expect(nameless.affine[0]).toEqual([-1, 0, 0, -10])
  expect(nameless.warnings).toEqual([expect.stringMatching(/^states no space with the patient's sides: .*as ITK does/)])
  expect(headerOf({ space: 'scanner-xyz' }).warnings).toEqual([expect.stringMatching(/its space is scanner-xyz/)])
  const inMicrometres = headerOf({
    'space units': '"um" "um" "um"',
    'space directions': '(500,0,0) (0,500,0) (0,0,500)',
    'space origin': '(1000,0,0)',
  })
  expect(inMicrometres.affine[0]).toEqual([-0.5, 0, 0, -1])
  expect(inMicrometres.warnings).toEqual([expect.stringMatching(/lengths are in um \(space units\)/)])
  expect(headerOf({ 'space units': '"mm" "mm" "mm"' }).warnings).toEqual([])
  expect(headerOf({ 'space units': '"ell" "ell" "ell"' }).warnings).toEqual([
    expect.stringMatching(/ell .*millimetres are taken/),
  ])
  expect(headerOf({ 'space directions': '(900,0,0) (0,900,0) (0,0,900)' }).warnings).toEqual([
    expect.stringMatching(/field of view is 2700×3600×4500 mm.*\(not stated\)/),
  ])
})

test('voxels may be in a file beside the header, behind lines and bytes', () => {
  const detached = (fields: Fields, data: Uint8Array, file = 'a.raw'): string => {
    const path = save(nrrdHeader({ ...fields, 'data file': file }), 'a.nhdr')
    mkdirSync(dirname(join(dirname(path), file)), { recursive: true })
    writeFileSync(join(dirname(path), file), data)
    return path
  }
  const behind = (text: string): Buffer => Buffer.concat([Buffer.from(text), shorts])
  for (const path of [
    detached({}, shorts),
    detached({}, shorts, './voxels/of it.raw'),
    detached({ encoding: 'gzip' }, gzipSync(shorts), 'a.raw.gz'),
    detached({ 'line skip': '2', 'byte skip': '3' }, behind('one\ntwo\nxyz')),
    detached({ 'byte skip': '-1' }, behind('any header')),
    detached(
      { lineskip: '1', encoding: 'gz', byteskip: '4' },
      Buffer.concat([Buffer.from('one\n'), gzipSync(behind('four'))]),
    ),
  ])
    expect(readScan(path).values[1], path).toBe(shorts.readInt16LE(24))
  const attached = save(Buffer.concat([Buffer.from(`${nrrdHeader({ 'byte skip': '2' })}\nxy`), shorts]))
  expect(readScan(attached).values[0]).toBe(-30)
})

test("the names of label values in 3D Slicer's segmentations are read", () => {
  const pairs = {
    'Segment0_Name:=': 'left kidney',
    'Segment0_LabelValue:=': '2',
    'Segment1_LabelValue:=': '3',
    'Segment7_Name:=': 'liver: all',
    'Segment7_LabelValue:=': '1',
  }
  const path = save(nrrdBytes(pairs, shorts), 'a.seg.nrrd')
  expect([...readScan(path).labelNames!]).toEqual([
    [2, 'left kidney'],
    [1, 'liver: all'],
  ])
  expect(readScan(save(nrrdBytes({}, shorts))).labelNames).toBeUndefined()
})

test('what is no NRRD volume, or lies about itself, is refused with one line', () => {
  const four = { dimension: '4', kinds: undefined, 'space directions': undefined, space: undefined }
  const bomb = Buffer.alloc(8_000_000)
  const refusals: [string | Fields, RegExp][] = [
    [join(directory, 'nowhere.nrrd'), /nowhere\.nrrd: no such file, expected an NRRD file/],
    [save('a text, not a volume'), /is not an NRRD file/],
    [save(Buffer.alloc(2 ** 21, 'x')), /no header ends in its first 1048576 bytes/],
    [save(`NRRD0009\n`), /first line is not NRRD0001 to NRRD0005/],
    [save(''), /is not an NRRD file/],
    [save(`${nrrdHeader()}a line\n\n`), /line 12 of its header is 'a line'/],
    [{ type: undefined }, /states no 'type'/],
    [{ type: 'block' }, /type is 'block', expected int8, /],
    [{ type: 'constructor' }, /type is 'constructor'/],
    [{ dimension: '3.5' }, /dimension is '3\.5', expected an integer of at least 1/],
    [{ dimension: '17' }, /at most 16 axes/],
    [{ dimension: '2', sizes: '3 4', kinds: undefined, 'space directions': '(1,0,0) (0,1,0)' }, /2 axes in space/],
    [{ sizes: '3 4' }, /sizes is '3 4', expected 3 numbers/],
    [{ sizes: '3 -4 5' }, /sizes is '3 -4 5', expected positive lengths/],
    [{ sizes: '3 0 5' }, /expected positive lengths/],
    [{ sizes: '3 nan 5' }, /expected 3 numbers/],
    [{ sizes: '99999 99999 99999' }, /its header states \S+ bytes of voxels, at most 1073741824/],
    [{ sizes: '3 4 1e300' }, /at most 1073741824/],
    [{ sizes: '3 4 6' }, /holds 120 bytes of voxels, its header states 144: truncated/],
    [{ ...four, sizes: '3 4 5 2 2', dimension: '5' }, /three in space, and at most one more/],
    [{ ...four, sizes: '2 3 4 5', kinds: 'complex domain domain domain' }, /complex numbers/],
    [{ endian: undefined }, /states no 'endian'/],
    [{ endian: 'middle' }, /endian is 'middle', expected little, big/],
    [{ encoding: undefined }, /states no 'encoding'/],
    [{ encoding: 'bzip2' }, /encoding is 'bzip2', expected raw, gzip/],
    [{ encoding: 'ascii' }, /encoding is 'ascii'/],
    [{ encoding: 'hex' }, /encoding is 'hex'/],
    [{ space: 'right-up' }, /space is 'right-up', expected/],
    [{ space: undefined, 'space dimension': '2' }, /space dimension is '2', expected 3 or 4/],
    [{ 'space directions': '(1,0,0,0) (0,1,0,1) (0,0,1,0)' }, /expected 3 times \(x,y,z\) or none/],
    [{ 'space directions': '(1,0) (0,1) (0,0)' }, /expected 3 times/],
    [{ 'space directions': '(1,0,0) (0,1,0)' }, /space directions is .*expected 3 times \(x,y,z\) or none/],
    [{ 'space directions': '(1,0,0) (0,x,0) (0,0,1)' }, /expected 3 times/],
    [{ 'space directions': '(1,0,0) (0,nan,0) (0,0,1)' }, /expected 3 times/],
    [{ 'space directions': '(1,0,0) (2,0,0) (0,0,1)' }, /span no volume/],
    [{ 'space origin': '(1,2)' }, /space origin is '\(1,2\)', expected \(x,y,z\)/],
    [{ 'space units': '"mm" "cm" "mm"' }, /one unit for all axes/],
    [{ 'space directions': undefined, spacings: '1 0 1' }, /spacings is '1 0 1', expected 3 numbers above 0/],
    [{ 'space directions': undefined, spacings: '1 -1 1' }, /numbers above 0/],
    [{ 'byte skip': '-2' }, /byte skip is '-2'/],
    [{ 'byte skip': '1e15' }, /truncated/],
    [{ 'line skip': '9' }, /truncated/],
    [{ 'byte skip': '-1', encoding: 'gzip' }, /because the voxels are packed/],
    [{ Sizes: '3 4 5' }, /states 'Sizes' twice/],
    [{ 'data file': 'gone.raw' }, /gone\.raw: no such file, expected the voxels of .*a\.nrrd/],
    [{ 'data file': '../a.raw' }, /its voxels are in '\.\.\/a\.raw', expected a file in the folder/],
    [{ 'data file': 'x/../../a.raw' }, /expected a file in the folder/],
    [{ 'data file': '/etc/hostname' }, /expected a file in the folder/],
    [{ 'data file': '.' }, /expected a file in the folder/],
    [{ 'data file': 'LIST' }, /data file is 'LIST', expected one file, not several/],
    [{ 'data file': 'x%03d.raw 1 9 1' }, /not several/],
    [save(nrrdBytes({ encoding: 'gzip' }, shorts).subarray(0, -20)), /gzip stream is damaged or truncated/],
    [save(nrrdBytes({ encoding: 'gzip' }, bomb)), /decompresses to more than the header states/],
    [
      save(nrrdBytes({ encoding: 'gzip', sizes: '3 4 50' }, shorts)),
      /holds 120 bytes of voxels, its header states 1200/,
    ],
  ]
  for (const [file, message] of refusals) {
    const path = typeof file === 'string' ? file : save(nrrdBytes(file, shorts))
    expect(() => readScan(path), String(message)).toThrow(InputError)
    expect(() => readScan(path)).toThrow(message)
  }
})
