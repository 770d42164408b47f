import { InputError } from '../../util/error.ts'
import { withInput } from '../../util/files/input_file.ts'
import { codeOf } from '../../util/files/reason.ts'

/** Lets `use` read from the scan's file. Throws InputError with the path: missing, unreadable, or not a regular file, such as a named pipe. */
export function withScanFile<T>(path: string, format: 'NIfTI' | 'DICOM', use: (file: number) => T): T {
  try {
    return withInput(path, use)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    throw new InputError(`${path}: no such file, expected a ${format} file`)
  }
}
