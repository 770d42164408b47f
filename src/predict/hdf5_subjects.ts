import { readSpacing, readTexts } from '../data/dataset/dataset.ts'
import { ImageReader } from '../data/dataset/image_reader.ts'
import { imagesOf } from '../data/dataset/volumes.ts'
import { Hdf5File } from '../data/hdf5/file.ts'
import type { Affine } from '../data/scan/grid.ts'
import type { FrameRule } from '../data/scan/preparation.ts'
import type { ScanGrid } from '../data/scan/scan.ts'
import { InputError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'
import { frameFor, type ModelGrid, type Subject, type Subjects } from './subjects.ts'

/** The dataset `images` of an HDF5 file, assumed to be prepared. Throws InputError if it is missing or the channels do not match. */
export async function hdf5Subjects(path: string, model: ModelGrid): Promise<Subjects> {
  const file = await Hdf5File.open(path)
  try {
    const { samples, channels, imageSize } = imagesOf(file)
    if (channels !== model.channels)
      throw new InputError(`${path}: images have ${channels} channels, ${model.path} expects ${model.channels}`)
    const reader = new ImageReader(file, imageSize)
    const grid: ScanGrid = { size: imageSize, affine: VOXELS }
    const rule: FrameRule = model.isSlidOver ? { kind: 'spacing', spacing_mm: [1, 1, 1] } : { kind: 'field_of_view' }
    const frame = frameFor(grid, rule, model)
    const spacing = readSpacing(file, samples)
    const about = namesAndVolumes(file, samples, spacing)
    const [from, to] = [sizeOf(imageSize), sizeOf(frame.size)]
    const stored = new Float32Array(channels * from)
    const read = (index: number): Subject => {
      reader.read(index, stored)
      const volume = new Float32Array(channels * to)
      for (let c = 0; c < channels; c++)
        frame.imageToModel(stored.subarray(c * from, (c + 1) * from), volume.subarray(c * to, (c + 1) * to))
      return { index, ...about[index]!, frame, grid, volume, warnings: [] }
    }
    return {
      count: samples,
      stored: { path, imageSize, spacing },
      nameOf: index => about[index]!.name,
      whereIs: index => `${path}: sample ${index}`,
      read,
      close: () => file.close(),
    }
  } catch (error) {
    file.close()
    throw error
  }
}

/** The affine of a grid without a position in space. */
const VOXELS: Affine = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
]

function namesAndVolumes(
  file: Hdf5File,
  samples: number,
  spacing: Float64Array | undefined,
): Pick<Subject, 'name' | 'millilitres'>[] {
  return readTexts(file, 'subjects', samples).map((name, n) => ({
    name,
    millilitres: spacing && (spacing[3 * n]! * spacing[3 * n + 1]! * spacing[3 * n + 2]!) / 1000,
  }))
}
