import { formatBytes } from '../../../run/memory.ts'
import { InputError } from '../../../util/error.ts'

/** A page has no temporary files, so volumes that need one are refused. */
export class Scratch {
  constructor(path: string, bytes: number) {
    throw new InputError(
      `${path}: takes ${formatBytes(bytes)}, more than a page can hold; sadaan-gpu predict segments this scan`,
    )
  }
}
