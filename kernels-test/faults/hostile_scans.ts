import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sliceBytes, writeSeries } from '../data/scan/dicom/slices.ts'
import { niftiBytes, RAS } from '../data/scan/nifti_bytes.ts'
import { type Fields, metaBytes, metaHeader, nrrdBytes, nrrdHeader } from '../data/scan/text_volumes.ts'
import { gzipBomb, type Hostile } from './hostile.ts'

const SIZE = [16, 16, 16]
const nifti = (change: (bytes: Buffer) => void = () => undefined): Buffer => {
  const bytes = niftiBytes({ dims: SIZE, type: 4, values: new Float32Array(16 ** 3), sform: RAS })
  change(bytes)
  return bytes
}
const HEADER = 352 // bytes
const dimensions =
  (...axes: number[]) =>
  (bytes: Buffer): void => {
    for (const [i, axis] of axes.entries()) bytes.writeInt16LE(axis, 42 + 2 * i)
  }

/** A scan that `inspect` is given. */
function scan(name: string, file: string, bytes: () => Uint8Array): Hostile {
  return {
    name,
    make: folder => {
      writeFileSync(join(folder, file), bytes())
      return ['inspect', join(folder, file)]
    },
  }
}

/** Anything that is no regular file, under the name of one. */
function odd(
  name: string,
  file: string,
  make: (path: string) => void,
  words: readonly string[] = ['inspect'],
): Hostile {
  return {
    name,
    make: folder => {
      make(join(folder, file))
      return [...words, join(folder, file), ...(words[0] === 'predict' ? ['--output', join(folder, 'out')] : [])]
    },
  }
}

const fifo = (path: string): void => void execFileSync('mkfifo', [path])
const zero = (path: string): void => symlinkSync('/dev/zero', path)

/** A series, one slice of which is changed. */
function series(name: string, change: (bytes: Buffer) => Buffer | undefined): Hostile {
  return {
    name: `a DICOM series with ${name}`,
    ends: 'either',
    make: folder => {
      writeSeries(folder)
      const bytes = sliceBytes(1)
      writeFileSync(join(folder, 'IM3'), change(bytes) ?? bytes)
      return ['inspect', folder]
    },
  }
}

/** Where an element begins. */
const element = (bytes: Buffer, hex: string): number => bytes.indexOf(Buffer.from(hex, 'hex'))
const PIXELS = 'e07f1000'
/** A sequence and an item in it, both of undefined length. */
const NESTED = Buffer.from('080040115351' + '0000ffffffff' + 'feff00e0ffffffff', 'hex')

const VOXELS = Buffer.alloc(2 * 16 ** 3)
const manyFields = (between: string): string => Array.from({ length: 100_000 }, (_, n) => `f${n}${between}1\n`).join('')

function nrrd(name: string, fields: Fields): Hostile {
  return scan(`a NRRD with ${name}`, 'hostile.nrrd', () => nrrdBytes({ sizes: '16 16 16', ...fields }, VOXELS))
}

function meta(name: string, fields: Fields): Hostile {
  return scan(`a MetaImage with ${name}`, 'hostile.mha', () => metaBytes({ DimSize: '16 16 16', ...fields }, VOXELS))
}

export const hostileScans: readonly Hostile[] = [
  scan('a NIfTI of 32767³ voxels', 'huge.nii', () => nifti(dimensions(32767, 32767, 32767))),
  scan('a NIfTI of −5 voxels', 'negative.nii', () => nifti(dimensions(-5))),
  scan('a NIfTI of no voxels', 'none.nii', () => nifti(dimensions(0))),
  scan('a NIfTI whose voxels begin behind its end', 'offset.nii', () => nifti(bytes => bytes.writeFloatLE(1e8, 108))),
  scan('a NIfTI whose voxels begin at NaN', 'nan.nii', () => nifti(bytes => bytes.writeFloatLE(Number.NaN, 108))),
  scan('4 GiB in a NIfTI that claims 16³', 'bomb.nii.gz', () => gzipBomb(2 ** 32, nifti())),
  scan('a NIfTI of 2 GiB that inflates to 4 MiB', 'claim.nii.gz', () =>
    gzipBomb(2 ** 22, nifti(dimensions(1024, 1024, 1024)).subarray(0, HEADER)),
  ),
  nrrd('99999³ voxels', { sizes: '99999 99999 99999' }),
  nrrd('1e300 voxels', { sizes: '1e300 1 1' }),
  nrrd('−5 voxels', { sizes: '16 -5 16' }),
  nrrd('no voxels', { sizes: '0 16 16' }),
  nrrd('NaN voxels', { sizes: 'nan 16 16' }),
  nrrd('sizes twice', { Sizes: '16 16 16' }),
  nrrd('an axis in no direction', { 'space directions': '(0,0,0) (0,1,0) (0,0,1)' }),
  nrrd('an infinite direction', { 'space directions': '(inf,0,0) (0,1,0) (0,0,1)' }),
  nrrd('voxels that begin behind its end', { 'byte skip': '4294967296' }),
  nrrd('more lines to skip than it has', { 'line skip': '1000000000' }),
  nrrd('a device as data file', { 'data file': '/dev/zero' }),
  nrrd('a data file outside its folder', { 'data file': '../../../etc/passwd' }),
  nrrd('itself as data file', { 'data file': 'hostile.nrrd', 'byte skip': '-1', sizes: '1024 1024 16' }),
  nrrd('a name of nothing as data file', { 'data file': '\0' }),
  scan('a NRRD of 16³ voxels, cut off', 'cut.nrrd', () => nrrdBytes({ sizes: '16 16 16' }, VOXELS).subarray(0, -100)),
  scan('a NRRD header without an end', 'endless.nrrd', () => Buffer.from(nrrdHeader() + '#'.repeat(2 ** 21))),
  scan('a NRRD header of 100,000 fields', 'fields.nrrd', () => Buffer.from(nrrdHeader() + manyFields(': '))),
  scan('4 GiB in a NRRD that claims 16³', 'bomb.nrrd', () =>
    Buffer.concat([Buffer.from(`${nrrdHeader({ sizes: '16 16 16', encoding: 'gzip' })}\n`), gzipBomb(2 ** 32, VOXELS)]),
  ),
  scan('a NRRD of 1 GiB that inflates to 4 MiB', 'claim.nrrd', () =>
    Buffer.concat([
      Buffer.from(`${nrrdHeader({ sizes: '1024 1024 512', encoding: 'gzip' })}\n`),
      gzipBomb(2 ** 22, VOXELS),
    ]),
  ),
  meta('99999³ voxels', { DimSize: '99999 99999 99999' }),
  meta('−5 voxels', { DimSize: '16 -5 16' }),
  meta('NaN voxels', { DimSize: 'nan 16 16' }),
  meta('2³¹ channels', { ElementNumberOfChannels: '2147483648' }),
  meta('a spacing of −1', { ElementSpacing: '1 -1 1' }),
  meta('a position twice', { Origin: '1 2 3' }),
  meta('a matrix of zeros', { TransformMatrix: '0 0 0 0 0 0 0 0 0' }),
  meta('voxels that begin behind its end', { HeaderSize: '4294967296' }),
  meta('more packed bytes than it has', { CompressedData: 'True', CompressedDataSize: '4294967296' }),
  meta('a device as data file', { ElementDataFile: '/dev/zero' }),
  meta('a data file outside its folder', { ElementDataFile: '../../../etc/passwd' }),
  scan('a MetaImage of 16³ voxels, cut off', 'cut.mha', () =>
    metaBytes({ DimSize: '16 16 16' }, VOXELS).subarray(0, -100),
  ),
  scan('a MetaImage header without an end', 'endless.mha', () => Buffer.from(`Comment = ${'x'.repeat(2 ** 21)}`)),
  scan('a MetaImage header of 100,000 fields', 'fields.mha', () => Buffer.from(manyFields(' = ') + metaHeader())),
  scan('4 GiB in a MetaImage that claims 16³', 'bomb.mha', () =>
    Buffer.concat([
      Buffer.from(metaHeader({ DimSize: '16 16 16', CompressedData: 'True' })),
      gzipBomb(2 ** 32, VOXELS),
    ]),
  ),
  {
    name: 'a MetaImage whose data file is a named pipe',
    make: folder => {
      writeFileSync(join(folder, 'a.mhd'), metaHeader({ ElementDataFile: 'a.raw' }))
      fifo(join(folder, 'a.raw'))
      return ['inspect', join(folder, 'a.mhd')]
    },
  },
  odd('a named pipe as NRRD', 'pipe.nrrd', fifo),
  odd('an endless device as NRRD', 'zero.nrrd', zero),
  odd('an endless device as MetaImage', 'zero.mha', zero),
  odd('a named pipe as NIfTI', 'pipe.nii', fifo),
  odd('a named pipe as NIfTI, to predict', 'pipe.nii', fifo, ['predict', '--weights', 'none.pth', '--input']),
  odd('an endless device as NIfTI', 'zero.nii', zero),
  odd('an endless device as gzip', 'zero.nii.gz', zero),
  odd('an endless device as DICOM', 'zero.dcm', zero),
  odd('a folder with a named pipe', 'folder', path => {
    mkdirSync(path)
    fifo(join(path, 'IM0'))
  }),
  odd('a folder that holds itself', 'folder', path => {
    mkdirSync(path)
    symlinkSync('.', join(path, 'again'))
  }),
  odd('a link to itself', 'link.nii', path => symlinkSync(path, path)),
  series('pixels longer than the file', bytes => void bytes.writeUInt32LE(0xfffffff0, element(bytes, PIXELS) + 8)),
  series('pixels of undefined length', bytes => void bytes.writeUInt32LE(0xffffffff, element(bytes, PIXELS) + 8)),
  series('65535² pixels', bytes => {
    bytes.writeUInt16LE(65535, element(bytes, '28001000') + 8)
    bytes.writeUInt16LE(65535, element(bytes, '28001100') + 8)
    return undefined
  }),
  series('a name longer than the file', bytes => void bytes.writeUInt16LE(65535, element(bytes, '10001000') + 6)),
  series('sequences in sequences', bytes => {
    const at = element(bytes, '28000400')
    return Buffer.concat([bytes.subarray(0, at), ...Array<Buffer>(20_000).fill(NESTED), bytes.subarray(at)])
  }),
  series('a spacing of −1', bytes => void bytes.write('1\\-1', element(bytes, '28003000') + 8)),
]
