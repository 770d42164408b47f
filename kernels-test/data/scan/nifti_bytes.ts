/** A NIfTI-1 file built byte by byte from the format's definition (nifti1.h), for tests. */
export interface NiftiFields {
  dims: readonly number[]
  /** 2 uint8, 4 int16, 16 float32. */
  type: 2 | 4 | 16
  values: ArrayLike<number> // i fastest, as stored
  sform?: readonly (readonly number[])[]
  qform?: { quaternion: readonly number[]; offset: readonly number[]; qfac: number }
  pixdim?: readonly number[]
  slope?: number
  intercept?: number
  littleEndian?: boolean
}

const BYTES = { 2: 1, 4: 2, 16: 4 }

export function niftiBytes(fields: NiftiFields): Buffer {
  const { dims, type, values, littleEndian = true } = fields
  const bytes = Buffer.alloc(352 + values.length * BYTES[type])
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
  float(108, [352, fields.slope ?? 0, fields.intercept ?? 0])
  if (fields.qform) {
    view.setInt16(252, 1, littleEndian)
    float(256, [...fields.qform.quaternion, ...fields.qform.offset])
  }
  if (fields.sform) {
    view.setInt16(254, 1, littleEndian)
    float(280, fields.sform.flat())
  }
  bytes.write('n+1\0', 344, 'latin1')
  for (let v = 0; v < values.length; v++) {
    const at = 352 + v * BYTES[type]
    if (type === 2) view.setUint8(at, values[v]!)
    else if (type === 4) view.setInt16(at, values[v]!, littleEndian)
    else view.setFloat32(at, values[v]!, littleEndian)
  }
  return bytes
}

/** The affine that runs the stored axes to the right, to the front and up, in millimetres. */
export const RAS = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
]
