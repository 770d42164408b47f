import { isNIFTI1, isNIFTI2, type NIFTI1, type NIFTI2, readHeader } from 'nifti-reader-js'
import { InputError } from '../../../util/error.ts'
import type { ImageSize } from '../../../util/shape.ts'
import type { NiftiGeometry } from '../grid.ts'
import { statedBytes, type VoxelForm, type VoxelType } from '../volume/voxels.ts'
import { type NiftiPlace, placeOf } from './affine.ts'

/** What a NIfTI header states. */
export interface NiftiHeader extends NiftiPlace, VoxelForm {
  /** of the first voxel in the file */
  offset: number
  /** of all voxels */
  bytes: number
  geometry: NiftiGeometry
}

const TYPES: Readonly<Record<number, VoxelType>> = {
  2: 'uint8',
  4: 'int16',
  8: 'int32',
  16: 'float32',
  64: 'float64',
  256: 'int8',
  512: 'uint16',
  768: 'uint32',
  1024: 'int64',
  1280: 'uint64',
}
const FARTHEST = 2 ** 30 // byte at which the voxels may begin
/** Bytes before extensions and voxels, with the four that say whether there are extensions. */
export const FIRST_HEADER = 352
const SECOND_HEADER = 544 // of NIfTI-2

/** Length of the header that starts with these bytes, by its first number. */
export function headerLength(start: Uint8Array): number {
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength)
  const isSecond = start.length >= 4 && [view.getInt32(0, true), view.getInt32(0)].includes(540)
  return isSecond ? SECOND_HEADER : FIRST_HEADER
}

/** Throws InputError with one line: not NIfTI, an unknown voxel type, more voxels than supported, no place in space. */
export function parseHeader(head: Uint8Array, path: string): NiftiHeader {
  const bytes = Uint8Array.from(head).buffer
  if (!isNIFTI1(bytes) && !isNIFTI2(bytes)) throw new InputError(`${path}: is not a NIfTI file (.nii or .nii.gz)`)
  const header = readFields(bytes, path)
  const [size, channels] = gridOf(header, path)
  const type = TYPES[header.datatypeCode]
  if (type === undefined) throw new InputError(`${path}: voxel type ${header.datatypeCode} is not a real number`)
  const all = statedBytes({ size, channels, type }, path)
  const offset = Math.max(header.vox_offset, headerLength(head))
  if (!(offset < FARTHEST))
    throw new InputError(`${path}: its header puts the voxels at byte ${header.vox_offset}, which is out of range`)
  const isScaled = Number.isFinite(header.scl_slope) && header.scl_slope !== 0
  const geometry = geometryOf(header, new DataView(bytes), isNIFTI1(bytes))
  return {
    size,
    channels,
    channelAxis: 3,
    type,
    isLittle: header.littleEndian,
    slope: isScaled ? header.scl_slope : 1,
    intercept: isScaled && Number.isFinite(header.scl_inter) ? header.scl_inter : 0,
    offset: Math.trunc(offset),
    bytes: all,
    geometry,
    ...placeOf(geometry, size, path),
  }
}

function readFields(bytes: ArrayBuffer, path: string): NIFTI1 | NIFTI2 {
  try {
    return readHeader(bytes)
  } catch (error) {
    throw new InputError(`${path}: damaged NIfTI header (${(error as Error).message})`)
  }
}

function gridOf(header: NIFTI1 | NIFTI2, path: string): [ImageSize, number] {
  const rank = header.dims[0]!
  const dims = header.dims.slice(1, 1 + rank)
  const named = `(${dims.join(', ')})`
  if (!(rank >= 3 && rank <= 7)) throw new InputError(`${path}: has ${rank} axes, expected a volume with three or four`)
  if (dims.some(axis => !Number.isInteger(axis) || axis < 1))
    throw new InputError(`${path}: its header states axes ${named}, expected positive lengths`)
  const further = dims.slice(3).filter(axis => axis > 1)
  if (further.length > 1)
    throw new InputError(`${path}: has axes ${named}, expected three axes, and at most one more for channels`)
  return [dims.slice(0, 3) as ImageSize, further[0] ?? 1]
}

function geometryOf(header: NIFTI1 | NIFTI2, view: DataView, isFirst: boolean): NiftiGeometry {
  const little = header.littleEndian
  const row = (r: number) =>
    [0, 1, 2, 3].map(c =>
      isFirst ? view.getFloat32(280 + 4 * (4 * r + c), little) : view.getFloat64(400 + 8 * (4 * r + c), little),
    )
  return {
    pixdim: header.pixDims.slice(0, 4),
    units: header.xyzt_units,
    sformCode: header.sform_code,
    sform: [row(0), row(1), row(2)],
    qformCode: header.qform_code,
    quaternion: [header.quatern_b, header.quatern_c, header.quatern_d],
    offset: [header.qoffset_x, header.qoffset_y, header.qoffset_z],
  }
}
