import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Hdf5File } from '../../../src/data/hdf5/file.ts'
import { IMPORT_DEFAULTS, type ImportOptions } from '../../../src/data/import/import_options.ts'
import type { SourceRequest } from '../../../src/data/import/sources.ts'
import { type ImageSize, sizeOf } from '../../../src/util/shape.ts'
import { niftiBytes, RAS } from '../scan/nifti_bytes.ts'

const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/head/${name}`, import.meta.url))
export const headImage = fixture('KmeansTest_T1UCharRaw.nii.gz')
export const headLabels = fixture('KmeansTest_T1KmeansPrelimSegmentation.nii.gz')

export const SIZE: ImageSize = [16, 32, 16]

export interface TestVolume {
  size?: ImageSize
  channels?: number
  affine?: readonly (readonly number[])[]
  /** 2 uint8, 16 float32 */
  type?: 2 | 16
  value: (voxel: number) => number // i fastest
}

/** Writes a volume and the folders above it. */
export function writeVolume(path: string, { size = SIZE, channels, affine = RAS, type = 16, value }: TestVolume): void {
  mkdirSync(dirname(path), { recursive: true })
  const dims = channels === undefined ? size : [...size, channels]
  const values = Float32Array.from({ length: sizeOf(dims) }, (_, v) => value(v))
  writeFileSync(path, niftiBytes({ dims, type, values, sform: affine }))
}

export function optionsFor(
  outputDir: string,
  source: SourceRequest,
  form: Pick<ImportOptions, 'imageSize' | 'spacing'>,
): ImportOptions {
  return { ...IMPORT_DEFAULTS, overwrite: true, outputDir, sources: [source], ...form }
}

/** At this voxel, plus its number, a subject differs from all others: no two subjects may share an image. */
const OWN_VOXEL = 1200

/** Voxel v of subject n's image. */
export function imageOf(n: number): (v: number) => number {
  return v => 100 + (v === OWN_VOXEL + n ? 50.5 : v % 100)
}

/** A folder of images and one of labels, `subjects` of them; every even one lacks label 2. */
export function folders(root: string, subjects: number, image: Partial<TestVolume> = {}): ImportOptions {
  const [images, labels] = [join(root, 'images'), join(root, 'labels')]
  for (let n = 0; n < subjects; n++) {
    writeVolume(join(images, `s${n}.nii`), { value: imageOf(n), ...image })
    writeVolume(join(labels, `s${n}.nii`), { type: 2, value: v => labelAt(n, v) })
  }
  return optionsFor(join(root, 'out'), { images, labels }, { imageSize: SIZE })
}

function labelAt(n: number, v: number): number {
  if (v < 900) return 1
  return v < 1900 && n % 2 ? 2 : 0
}

/** metadata.json of what was imported. */
export function datasetOf({ outputDir }: ImportOptions) {
  return JSON.parse(readFileSync(join(outputDir, 'metadata.json'), 'utf8'))
}

/** All rows of a dataset of an HDF5 file. */
export async function rows(path: string, name: string): Promise<Float32Array> {
  const file = await Hdf5File.open(path)
  const dataset = file.dataset(name)
  const values = file.read(dataset, 0, dataset.shape[0]!)
  file.close()
  return Float32Array.from(values)
}
