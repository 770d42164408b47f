import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeFolders } from '../../util/files/folder.ts'
import { replaceFileLater } from '../../util/files/rename.ts'

/**
 * Fills a folder by `fill`, which gets its path until then, and renames it into place. Several processes may do so at the same time: each
 * fills a separate folder, and the first to rename it wins. `isWhole` says whether one is in place already. Throws what `fill` throws.
 */
export async function placeFolder(
  directory: string,
  isWhole: () => boolean,
  fill: (own: string) => Promise<void>,
): Promise<void> {
  makeFolders(dirname(directory))
  const own = `${directory}.${randomUUID()}`
  try {
    await mkdir(own)
    await fill(own)
    // Folders are renamed into place complete, so an incomplete one was damaged later.
    if (!isWhole()) await rm(directory, { recursive: true, force: true })
    await replaceFileLater(own, directory)
  } catch (error) {
    if (!isWhole()) throw error
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}
