import { fstatSync, readSync } from 'node:fs'
import { withInput } from '../../util/files/input_file.ts'

const SIGNATURE = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1')
const FIRST_USER_BLOCK = 512 // bytes; a block of the user before the file proper has this size, or twice, four times … as much

/** Whether a file is HDF5, at its start or behind a user block as in Matlab's 7.3 files. Throws InputError if it cannot be read. */
export function isHdf5(path: string): boolean {
  const found = (file: number): boolean => {
    const { size } = fstatSync(file)
    for (let at = 0; at + SIGNATURE.length <= size; at = Math.max(FIRST_USER_BLOCK, 2 * at)) {
      const bytes = Buffer.alloc(SIGNATURE.length)
      readSync(file, bytes, 0, bytes.length, at)
      if (bytes.equals(SIGNATURE)) return true
    }
    return false
  }
  return withInput(path, found, 'an HDF5 file')
}
