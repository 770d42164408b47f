import { InputError } from '../../../util/error.ts'
import { withInput } from '../../../util/files/input_file.ts'
import { printable } from '../../../util/listing.ts'
import { type LabelNames, LONGEST_NAME } from '../nifti/label_table.ts'
import type { VolumeHeader } from '../volume/header.ts'
import { HeaderFields, readTextHeader, type TextHeader } from '../volume/text_header.ts'
import { dataFileOf, isSeveral, type VoxelPlace } from '../volume/voxel_data.ts'
import { statedBytes, type VoxelType, voxelBytesOf } from '../volume/voxels.ts'
import { axesOf } from './axes.ts'
import { placeOf } from './place.ts'

const EXPECTED = 'an NRRD file (.nrrd or .nhdr)'
const MAGIC = /^NRRD000[1-5]$/
/** The voxel types that NRRD has several names for. */
const NAMES: readonly (readonly [VoxelType, ...string[]])[] = [
  ['int8', 'signed char', 'int8_t'],
  ['uint8', 'uchar', 'unsigned char', 'uint8_t'],
  ['int16', 'short', 'short int', 'signed short', 'signed short int', 'int16_t'],
  ['uint16', 'ushort', 'unsigned short', 'unsigned short int', 'uint16_t'],
  ['int32', 'int', 'signed int', 'int32_t'],
  ['uint32', 'uint', 'unsigned int', 'uint32_t'],
  ['int64', 'longlong', 'long long', 'long long int', 'signed long long', 'signed long long int', 'int64_t'],
  ['uint64', 'ulonglong', 'unsigned long long', 'unsigned long long int', 'uint64_t'],
  ['float32', 'float'],
  ['float64', 'double'],
]
const TYPES = Object.fromEntries(NAMES.flatMap(([type, ...names]) => [type, ...names].map(name => [name, type])))
const ENCODINGS = { raw: 'raw', gzip: 'gzip', gz: 'gzip' } as const
const ENDIANS = { little: true, big: false } as const

/** Reads the header of an NRRD file. Throws InputError with one line. */
export function readNrrdHeader(path: string): VolumeHeader {
  const read = (file: number): TextHeader => readTextHeader(file, path, { endOf: endOfHeader, expected: EXPECTED })
  const { lines, end } = withInput(path, read, EXPECTED)
  if (!MAGIC.test(lines[0]!.trimEnd()))
    throw new InputError(`${path}: is not ${EXPECTED}: its first line is not NRRD0001 to NRRD0005`)
  const { fields, pairs } = fieldsIn(lines, path)
  const type = typeOf(fields)
  const axes = axesOf(fields, path)
  const { size, channels, channelAxis } = axes
  fields.required('encoding')
  const form = { size, channels, channelAxis, type, isLittle: isLittle(fields, type), slope: 1, intercept: 0 }
  statedBytes(form, path)
  const labelNames = channels === 1 ? segmentNames(pairs) : undefined
  return {
    size,
    channels,
    ...placeOf(fields, axes, path),
    form,
    data: dataOf(fields, path, end),
    ...(labelNames && { labelNames }),
  }
}

/** Behind the first empty line. */
function endOfHeader(text: string): number | undefined {
  const empty = /\n\r?\n/.exec(text)
  return empty ? empty.index + empty[0].length : undefined
}

interface Content {
  fields: HeaderFields
  /** "key:=value" lines, which have no meaning to the format */
  pairs: Map<string, string>
}

function fieldsIn(lines: readonly string[], path: string): Content {
  const fields = new HeaderFields(path)
  const pairs = new Map<string, string>()
  for (const [number, line] of lines.entries()) {
    if (number === 0 || line.startsWith('#') || line.trim() === '') continue
    const colon = line.indexOf(':')
    if (colon < 1)
      throw new InputError(`${path}: line ${number + 1} of its header is '${line}', expected "field: value"`)
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1)]
    if (value.startsWith('=')) pairs.set(name, value.slice(1))
    else fields.add(name.trim(), value.trim())
  }
  return { fields, pairs }
}

function typeOf(fields: HeaderFields): VoxelType {
  fields.required('type')
  return fields.choice(
    'type',
    TYPES,
    NAMES.map(([name]) => name),
  )!
}

function isLittle(fields: HeaderFields, type: VoxelType): boolean {
  if (voxelBytesOf(type) > 1) fields.required('endian')
  return fields.choice('endian', ENDIANS) ?? true
}

function dataOf(fields: HeaderFields, path: string, end: number): VoxelPlace {
  const name = fields.text('data file')
  if (name !== undefined && isSeveral(name)) throw fields.wrong('data file', 'one file, not several')
  const packing = fields.choice('encoding', ENCODINGS, ['raw', 'gzip'])!
  const skip = fields.integer('byte skip', -1) ?? 0
  if (skip === -1 && packing !== 'raw') throw fields.wrong('byte skip', 'at least 0, because the voxels are packed')
  return {
    file: name === undefined ? path : dataFileOf(path, name),
    start: skip === -1 ? 'end' : name === undefined ? end : 0,
    lines: fields.integer('line skip', 0) ?? 0,
    packing,
    packed: undefined,
    skip: Math.max(0, skip),
  }
}

/** Names of label values in a segmentation of 3D Slicer. */
function segmentNames(pairs: ReadonlyMap<string, string>): LabelNames | undefined {
  const names = new Map<number, string>()
  for (const [key, value] of pairs) {
    const segment = /^(Segment\d{1,5})_LabelValue$/.exec(key)?.[1]
    const name = printable(pairs.get(`${segment}_Name`) ?? '').trim()
    if (segment !== undefined && /^\d{1,9}$/.test(value.trim()) && name !== '' && name.length <= LONGEST_NAME)
      names.set(Number(value), name)
  }
  return names.size === 0 ? undefined : names
}
