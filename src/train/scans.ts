import { Frame } from '../data/frame.ts'
import { Hdf5File } from '../data/hdf5_file.ts'
import { ImageReader } from '../data/image_reader.ts'
import { applyIntensity, DEFAULT_INTENSITY } from '../data/intensity.ts'
import { type NiftiImage, readNifti } from '../data/nifti.ts'
import { orientationOf } from '../data/orientation.ts'
import type { ImageSize } from '../data/volumes.ts'
import { sizeOf } from '../util/shape.ts'

/** Images to predict on, whatever file they come from. */
export interface Scans {
  path: string
  samples: number
  channels: number
  /** The grid that the masks belong on, axes as the network has them. */
  imageSize: ImageSize
  /** of NIfTI: where the grid lies in the world */
  nifti?: Pick<NiftiImage, 'size' | 'affine' | 'geometry'>
  /** Reads sample `index` into `image` (C, H, W, D), of the network's size. Throws InputError naming the sample. */
  read(index: number, image: Float32Array): void
  close(): void
}

export function isNifti(path: string): boolean {
  return /\.nii(\.gz)?$/i.test(path)
}

/** Opens the dataset `images` of an HDF5 file, or a NIfTI scan as a single sample, for a network of `size`. Throws InputError. */
export async function openScans(path: string, size: ImageSize): Promise<Scans> {
  return isNifti(path) ? niftiScan(path, size) : hdf5Images(path, size)
}

async function hdf5Images(path: string, size: ImageSize): Promise<Scans> {
  const file = await Hdf5File.open(path)
  try {
    const reader = new ImageReader(file, size)
    const { samples, channels, imageSize } = reader.stored
    const read = (index: number, image: Float32Array): void => reader.read(index, image)
    return { path, samples, channels, imageSize, read, close: () => file.close() }
  } catch (error) {
    file.close()
    throw error
  }
}

/** Brought to the network's frame as `import` does by default. */
function niftiScan(path: string, size: ImageSize): Scans {
  const scan = readNifti(path)
  const frame = new Frame(scan, { kind: 'field_of_view' }, size)
  const [from, to] = [sizeOf(scan.size), sizeOf(size)]
  const standard = new Float32Array(scan.channels * to)
  for (let c = 0; c < scan.channels; c++) {
    const { values } = applyIntensity(scan.values.subarray(c * from, (c + 1) * from), DEFAULT_INTENSITY, path)
    frame.imageToModel(values, standard.subarray(c * to, (c + 1) * to))
  }
  return {
    path,
    samples: 1,
    channels: scan.channels,
    imageSize: orientationOf(scan.affine).axes.map(axis => scan.size[axis]!) as ImageSize,
    nifti: { size: scan.size, affine: scan.affine, geometry: scan.geometry },
    read: (_, image) => image.set(standard),
    close: () => undefined,
  }
}
