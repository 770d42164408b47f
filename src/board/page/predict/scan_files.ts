import { isGzip, type NiftiImage, parseNifti } from '../../../data/scan/nifti/image.ts'
import { BYTE_LIMIT, SLACK } from '../../../data/scan/volume/voxels.ts'
import { MemoryBytes } from '../../../util/bytes/byte_source.ts'
import { InputError, messageOf } from '../../../util/error.ts'

/** Bytes of a file that a page takes; voxels, what is before them, what may follow. */
const MOST = BYTE_LIMIT + 2 * SLACK

/** The bytes of a file. Throws InputError if it is too large or cannot be read. */
export async function bytesOf(file: File): Promise<Uint8Array> {
  if (file.size > MOST) throw new InputError(`${file.name}: has ${file.size} bytes, at most ${MOST} can be read`)
  try {
    return new Uint8Array(await file.arrayBuffer())
  } catch (error) {
    throw new InputError(`${file.name}: cannot be read (${messageOf(error)}); it may have changed since it was picked`)
  }
}

/** Reads .nii or .nii.gz. Throws InputError as `parseNifti` does, and if the gzip stream is damaged. */
export async function scanIn(file: File): Promise<NiftiImage> {
  const bytes = await bytesOf(file)
  const isPacked = isGzip(bytes)
  const plain = isPacked ? await inflated(bytes, file.name) : bytes
  return parseNifti({ path: file.name, source: new MemoryBytes(plain), most: plain.length, isGzip: isPacked })
}

/** A small file may hold far more than a page can: counts while it inflates. */
async function inflated(bytes: Uint8Array, path: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let length = 0
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream('gzip'))
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await nextOf(reader, path)
    if (done) break
    length += value.length
    if (length > MOST) {
      await reader.cancel()
      throw new InputError(`${path}: decompresses to more than ${MOST} bytes`)
    }
    pieces.push(value)
  }
  const all = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

async function nextOf(reader: ReadableStreamDefaultReader<Uint8Array>, path: string) {
  try {
    return await reader.read()
  } catch (error) {
    throw new InputError(`${path}: gzip stream is damaged or truncated (${messageOf(error)})`)
  }
}
