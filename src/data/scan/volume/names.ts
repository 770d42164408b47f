import { basename, resolve } from 'node:path'

const NIFTI = /\.nii(\.gz)?$/i
/** .seg.nrrd is what 3D Slicer calls a segmentation of NAME.nrrd. */
const NRRD = /(\.seg)?\.nrrd$|\.nhdr$/i
const META = /\.mh[ad]$/i
const FORMATS = [
  ['NIfTI', NIFTI],
  ['NRRD', NRRD],
  ['MetaImage', META],
] as const

export type VolumeFormat = (typeof FORMATS)[number][0]

/** For messages. */
export const VOLUME_ENDINGS = '.nii, .nii.gz, .nrrd, .nhdr, .mha or .mhd'

/** The format of a volume in one file, or in a header with its data file, by its name; undefined if it is none. */
export function volumeFormat(path: string): VolumeFormat | undefined {
  return FORMATS.find(([, ending]) => ending.test(path))?.[0]
}

export function isVolumeName(path: string): boolean {
  return volumeFormat(path) !== undefined
}

/** Whether 3D Slicer would call a segmentation so, which is no scan. */
export function isSegmentationName(path: string): boolean {
  return /\.seg\.nrrd$/i.test(path)
}

export function withoutEnding(path: string): string {
  const ending = FORMATS.find(([, each]) => each.test(path))?.[1]
  return ending ? path.replace(ending, '') : path
}

/** The name of a file or folder without its folders and the ending of a volume. */
export function volumeStem(path: string): string {
  return withoutEnding(basename(resolve(path)))
}

/** Whether `name` is what NAME.nhdr or NAME.mhd in its folder mostly call their voxels; `names` are those of the folder. */
export function isDataFile(name: string, names: readonly string[]): boolean {
  const stem = /^(.+)\.z?raw(\.gz)?$/i.exec(name)?.[1]
  return stem !== undefined && [`${stem}.nhdr`, `${stem}.mhd`].some(header => names.includes(header))
}
