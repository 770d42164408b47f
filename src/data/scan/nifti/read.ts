import { readSync } from 'node:fs'
import { mostInflated } from '../../../util/bytes/byte_source.ts'
import { FileBytes } from '../../../util/files/file_bytes.ts'
import { withInput } from '../../../util/files/input_file.ts'
import { checkedLength, withInflated } from '../volume/bytes.ts'
import { isGzip, type NiftiBytes, type NiftiImage, parseNifti, parseNiftiGrid } from './image.ts'

/** Reads .nii or .nii.gz as `parseNifti` does; the file is inflated as it is read. Throws InputError with one line. */
export function readNifti(path: string): NiftiImage {
  return withBytes(path, parseNifti)
}

/** Reads the header only. Throws InputError like `readNifti`, except for errors in the voxels. */
export function readNiftiGrid(path: string): Omit<NiftiImage, 'values' | 'labelNames'> {
  return withBytes(path, parseNiftiGrid)
}

function withBytes<T>(path: string, use: (bytes: NiftiBytes) => T): T {
  const read = (file: number): T => {
    const length = checkedLength(file, path)
    const magic = new Uint8Array(2)
    readSync(file, magic, 0, 2, 0)
    const plain = new FileBytes(file)
    if (!isGzip(magic)) return use({ path, source: plain, most: length, isGzip: false })
    const most = mostInflated(length)
    return withInflated(path, plain, 'gzip', source => use({ path, source, most, isGzip: true }))
  }
  return withInput(path, read, 'a NIfTI file')
}
