/** NRRD and MetaImage files built from the formats' definitions, for tests. */
import { deflateSync, gzipSync } from 'node:zlib'

/** Numbers as stored, first axis fastest. */
export type StoredType =
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'float32'
  | 'float64'

const BYTES = {
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  float32: 4,
  float64: 8,
}

export function storedBytes(values: ArrayLike<number>, type: StoredType, isLittle = true): Buffer {
  const bytes = Buffer.alloc(values.length * BYTES[type])
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const put: Record<StoredType, (at: number, value: number) => void> = {
    int8: (at, value) => view.setInt8(at, value),
    uint8: (at, value) => view.setUint8(at, value),
    int16: (at, value) => view.setInt16(at, value, isLittle),
    uint16: (at, value) => view.setUint16(at, value, isLittle),
    int32: (at, value) => view.setInt32(at, value, isLittle),
    uint32: (at, value) => view.setUint32(at, value, isLittle),
    int64: (at, value) => view.setBigInt64(at, BigInt(value), isLittle),
    uint64: (at, value) => view.setBigUint64(at, BigInt(value), isLittle),
    float32: (at, value) => view.setFloat32(at, value, isLittle),
    float64: (at, value) => view.setFloat64(at, value, isLittle),
  }
  for (let v = 0; v < values.length; v++) put[type](v * BYTES[type], values[v]!)
  return bytes
}

/** Fields in order; undefined leaves one out. A name that ends in := is the key of a pair in NRRD. */
export type Fields = Readonly<Record<string, string | undefined>>

const lines = (fields: Fields, between: string): string =>
  Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}${name.endsWith(':=') ? '' : between}${value}\n`)
    .join('')

/** The header of a volume of 3×4×5 int16 voxels 1×2×3 mm in LPS, with some fields changed or added. */
export function nrrdHeader(fields: Fields = {}): string {
  const all = {
    type: 'short',
    dimension: '3',
    space: 'left-posterior-superior',
    sizes: '3 4 5',
    'space directions': '(1,0,0) (0,2,0) (0,0,3)',
    kinds: 'domain domain domain',
    endian: 'little',
    encoding: 'raw',
    'space origin': '(10,20,30)',
    ...fields,
  }
  return `NRRD0005\n# by hand\n${lines(all, ': ')}`
}

export function nrrdBytes(fields: Fields, voxels: Uint8Array): Buffer {
  const isPacked = ['gzip', 'gz'].includes(fields.encoding ?? 'raw')
  return Buffer.concat([Buffer.from(`${nrrdHeader(fields)}\n`), isPacked ? gzipSync(voxels) : voxels])
}

/** The same volume as MetaImage. */
export function metaHeader(fields: Fields = {}): string {
  const { ElementDataFile = 'LOCAL', ...others } = fields
  const all = {
    ObjectType: 'Image',
    NDims: '3',
    BinaryData: 'True',
    BinaryDataByteOrderMSB: 'False',
    CompressedData: 'False',
    TransformMatrix: '1 0 0 0 1 0 0 0 1',
    Offset: '10 20 30',
    CenterOfRotation: '0 0 0',
    AnatomicalOrientation: 'RAI',
    ElementSpacing: '1 2 3',
    DimSize: '3 4 5',
    ElementType: 'MET_SHORT',
    ...others,
    ElementDataFile,
  }
  return lines(all, ' = ')
}

/** A CompressedDataSize 'right' becomes the number. */
export function metaBytes(fields: Fields, voxels: Uint8Array): Buffer {
  const data = fields.CompressedData === 'True' ? deflateSync(voxels) : voxels
  const isSized = fields.CompressedDataSize === 'right'
  const sized = isSized ? { ...fields, CompressedDataSize: String(data.length) } : fields
  return Buffer.concat([Buffer.from(metaHeader(sized)), data])
}
