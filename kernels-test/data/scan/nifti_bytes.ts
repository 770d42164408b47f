/** A NIfTI-1 file built byte by byte from the format's definition (nifti1.h), for tests. */
export interface NiftiFields {
  dims: readonly number[]
  /** 2 uint8, 4 int16, 8 int32, 16 float32, 64 float64, 256 int8, 512 uint16, 768 uint32, 1024 int64 */
  type: keyof typeof BYTES
  values: ArrayLike<number> // i fastest, as stored
  sform?: readonly (readonly number[])[]
  qform?: { quaternion: readonly number[]; offset: readonly number[]; qfac: number }
  pixdim?: readonly number[]
  slope?: number
  intercept?: number
  littleEndian?: boolean
  /** xyzt_units */
  units?: number
  /** header extensions: code and content */
  extensions?: readonly (readonly [code: number, content: string | Buffer])[]
}

const BYTES = { 2: 1, 4: 2, 8: 4, 16: 4, 64: 8, 256: 1, 512: 2, 768: 4, 1024: 8 } as const

export function niftiBytes(fields: NiftiFields): Buffer {
  const { dims, type, values, littleEndian = true } = fields
  const extensions = Buffer.concat((fields.extensions ?? []).map(each => extension(each, littleEndian)))
  const offset = 352 + extensions.length
  const bytes = Buffer.alloc(offset + values.length * BYTES[type])
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const float = (at: number, numbers: readonly number[]): void => {
    for (const [i, number] of numbers.entries()) view.setFloat32(at + 4 * i, number, littleEndian)
  }
  view.setInt32(0, 348, littleEndian)
  for (const [i, axis] of [dims.length, ...dims, 1, 1, 1, 1].slice(0, 8).entries())
    view.setInt16(40 + 2 * i, axis, littleEndian)
  view.setInt16(70, type, littleEndian)
  view.setInt16(72, BYTES[type] * 8, littleEndian)
  float(76, [fields.qform?.qfac ?? 1, ...(fields.pixdim ?? [1, 1, 1])])
  view.setUint8(123, fields.units ?? 0)
  view.setUint8(348, extensions.length > 0 ? 1 : 0)
  bytes.set(extensions, 352)
  float(108, [offset, fields.slope ?? 0, fields.intercept ?? 0])
  if (fields.qform) {
    view.setInt16(252, 1, littleEndian)
    float(256, [...fields.qform.quaternion, ...fields.qform.offset])
  }
  if (fields.sform) {
    view.setInt16(254, 1, littleEndian)
    float(280, fields.sform.flat())
  }
  bytes.write('n+1\0', 344, 'latin1')
  for (let v = 0; v < values.length; v++) setVoxel(view, offset + v * BYTES[type], values[v]!, fields)
  return bytes
}

function setVoxel(view: DataView, at: number, value: number, { type, littleEndian = true }: NiftiFields): void {
  if (type === 2) view.setUint8(at, value)
  else if (type === 256) view.setInt8(at, value)
  else if (type === 4) view.setInt16(at, value, littleEndian)
  else if (type === 512) view.setUint16(at, value, littleEndian)
  else if (type === 8) view.setInt32(at, value, littleEndian)
  else if (type === 768) view.setUint32(at, value, littleEndian)
  else if (type === 16) view.setFloat32(at, value, littleEndian)
  else if (type === 64) view.setFloat64(at, value, littleEndian)
  else view.setBigInt64(at, BigInt(value), littleEndian)
}

/** A header extension, padded to a multiple of 16 bytes. */
function extension([code, content]: readonly [number, string | Buffer], littleEndian: boolean): Buffer {
  const bytes = Buffer.from(content)
  const padded = Buffer.alloc(Math.ceil((8 + bytes.length) / 16) * 16)
  const view = new DataView(padded.buffer, padded.byteOffset)
  view.setInt32(0, padded.length, littleEndian)
  view.setInt32(4, code, littleEndian)
  padded.set(bytes, 8)
  return padded
}

/** The affine that runs the stored axes to the right, to the front and up, in millimetres. */
export const RAS = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
]
