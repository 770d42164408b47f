import { InputError } from '../../../util/error.ts'
import { withInput } from '../../../util/files/input_file.ts'
import type { ImageSize } from '../../../util/shape.ts'
import { implausibleSize } from '../field_of_view.ts'
import type { Affine } from '../grid.ts'
import { affineIn } from '../space.ts'
import { isInvertible } from '../spacing.ts'
import type { VolumeHeader } from '../volume/header.ts'
import { lengthUnit } from '../volume/length_unit.ts'
import { HeaderFields, readTextHeader, type TextHeader } from '../volume/text_header.ts'
import { dataFileOf, isSeveral, type VoxelPlace } from '../volume/voxel_data.ts'
import { statedBytes, type VoxelType } from '../volume/voxels.ts'

const EXPECTED = 'a MetaImage file (.mha or .mhd)'
/** MetaIO's long has 32 bits on every machine. */
const TYPES: Readonly<Record<string, VoxelType>> = {
  met_char: 'int8',
  met_uchar: 'uint8',
  met_short: 'int16',
  met_ushort: 'uint16',
  met_int: 'int32',
  met_uint: 'uint32',
  met_long: 'int32',
  met_ulong: 'uint32',
  met_long_long: 'int64',
  met_ulong_long: 'uint64',
  met_float: 'float32',
  met_double: 'float64',
}
/** Fields with several names, as keys. */
const ALIASES = {
  position: 'offset',
  origin: 'offset',
  rotation: 'transformmatrix',
  orientation: 'transformmatrix',
  elementbyteordermsb: 'binarydatabyteordermsb',
}
const FLAGS = { true: true, false: false, t: true, f: false, 1: true, 0: false } as const

/** Reads the header of a MetaImage file. Throws InputError with one line. */
export function readMetaHeader(path: string): VolumeHeader {
  const read = (file: number): TextHeader => readTextHeader(file, path, { endOf: endOfHeader, expected: EXPECTED })
  const { lines, end } = withInput(path, read, EXPECTED)
  const fields = fieldsIn(lines, path)
  const rank = rankOf(fields)
  const { size, channels, channelAxis } = gridOf(fields, rank, path)
  if (!flag(fields, 'BinaryData', true)) throw fields.wrong('BinaryData', 'True: numbers as text are not supported')
  const isLittle = !flag(fields, 'BinaryDataByteOrderMSB', false)
  const form = { size, channels, channelAxis, type: typeOf(fields), isLittle, slope: 1, intercept: 0 }
  statedBytes(form, path)
  return { size, channels, ...placeOf(fields, { size, rank }, path), form, data: dataOf(fields, path, end) }
}

/** Behind the line that says where the voxels are, which is the last. */
function endOfHeader(text: string): number | undefined {
  const last = /(?:^|\n)[ \t]*ElementDataFile[ \t]*[=:][^\n]*\n/i.exec(text)
  return last ? last.index + last[0].length : undefined
}

function fieldsIn(lines: readonly string[], path: string): HeaderFields {
  const fields = new HeaderFields(path, ALIASES)
  for (const [number, line] of lines.entries()) {
    if (line.trim() === '') continue
    const [, name, value] = /^([^=:]+)[=:](.*)$/.exec(line) ?? []
    if (name === undefined || !/^\s*\w+\s*$/.test(name))
      throw new InputError(
        number === 0
          ? `${path}: is not ${EXPECTED}: its first line is not "name = value"`
          : `${path}: line ${number + 1} of its header is '${line}', expected "name = value"`,
      )
    fields.add(name.trim(), value!.trim())
  }
  return fields
}

function rankOf(fields: HeaderFields): number {
  const kind = fields.text('ObjectType')
  if (kind !== undefined && kind.toLowerCase() !== 'image') throw fields.wrong('ObjectType', 'Image')
  fields.required('NDims')
  const rank = fields.integer('NDims', 1)!
  if (rank !== 3 && rank !== 4) throw fields.wrong('NDims', 'a volume with three or four axes')
  return rank
}

function typeOf(fields: HeaderFields): VoxelType {
  fields.required('ElementType')
  const value = fields.text('ElementType')!.toLowerCase()
  const type = value.replace(/_array$/, '') // older writers call several channels an array
  if (!Object.hasOwn(TYPES, type)) throw fields.wrong('ElementType', 'MET_SHORT or another type of one number')
  return TYPES[type]!
}

/** Channels alternate, or are the fourth axis. */
function gridOf(
  fields: HeaderFields,
  rank: number,
  path: string,
): Pick<VolumeHeader['form'], 'size' | 'channels' | 'channelAxis'> {
  const lengths = fields.lengths('DimSize', rank)
  const alternating = fields.integer('ElementNumberOfChannels', 1) ?? 1
  const volumes = lengths[3] ?? 1
  if (alternating > 1 && volumes > 1)
    throw new InputError(`${path}: has ${volumes} volumes of ${alternating} channels, expected one of the two`)
  const size = lengths.slice(0, 3) as ImageSize
  return { size, channels: alternating * volumes, channelAxis: alternating > 1 ? 0 : 3 }
}

function flag(fields: HeaderFields, name: string, otherwise: boolean): boolean {
  return fields.choice<boolean>(name, FLAGS, ['True', 'False']) ?? otherwise
}

/**
 * The affine: rows of TransformMatrix are the directions of the axes, left, posterior, superior, whatever AnatomicalOrientation says, which
 * ITK does not read either.
 */
function placeOf(
  fields: HeaderFields,
  { size, rank }: { size: ImageSize; rank: number },
  path: string,
): { affine: Affine; warnings: string[] } {
  const matrix = fields.numbers('TransformMatrix', rank * rank)
  const unit = lengthUnit(fields.text('DistanceUnits'), 'DistanceUnits')
  const spacing = fields.numbers('ElementSpacing', rank) ?? fields.numbers('ElementSize', rank)
  if (spacing?.slice(0, 3).some(length => !(length > 0)))
    throw fields.wrong(
      fields.text('ElementSpacing') === undefined ? 'ElementSize' : 'ElementSpacing',
      'numbers above 0',
    )
  const offset = fields.numbers('Offset', rank) ?? [0, 0, 0]
  const axes = [0, 1, 2].map(axis => {
    const step = unit.inMillimetres(spacing?.[axis] ?? 1)
    return [0, 1, 2].map(world => (matrix ? matrix[rank * axis + world]! : Number(axis === world)) * step)
  })
  const affine = affineIn('LPS', axes, offset.slice(0, 3).map(unit.inMillimetres))
  if (!isInvertible(affine)) throw new InputError(`${path}: its axes (TransformMatrix, ElementSpacing) span no volume`)
  return {
    affine,
    warnings: [
      ...(matrix ? [] : [NO_MATRIX]),
      ...(spacing ? [] : ['states no voxel spacing (ElementSpacing): 1 mm is taken']),
      ...unit.warnings,
      ...implausibleSize(affine, size, unit.name),
    ],
  }
}

const NO_MATRIX =
  'states no orientation (TransformMatrix): its axes are taken to point left, posterior and superior, as ITK does, so left and right may be swapped'

function dataOf(fields: HeaderFields, path: string, end: number): VoxelPlace {
  const name = fields.required('ElementDataFile')
  if (isSeveral(name)) throw fields.wrong('ElementDataFile', 'one file, not several')
  const isLocal = name.toLowerCase() === 'local'
  const isPacked = flag(fields, 'CompressedData', false)
  const skip = fields.integer('HeaderSize', -1) ?? 0 // counted from the start of the file
  if (skip === -1 && isPacked) throw fields.wrong('HeaderSize', 'at least 0, because the voxels are packed')
  const packed = isPacked ? fields.integer('CompressedDataSize', 0) : undefined
  return {
    file: isLocal ? path : dataFileOf(path, name),
    start: skip === -1 ? 'end' : skip > 0 ? skip : isLocal ? end : 0,
    lines: 0,
    packing: isPacked ? 'zlib' : 'raw',
    packed: packed || undefined,
    skip: 0,
  }
}
