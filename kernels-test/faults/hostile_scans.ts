import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sliceBytes, writeSeries } from '../data/scan/dicom/slices.ts'
import { niftiBytes, RAS } from '../data/scan/nifti_bytes.ts'
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
