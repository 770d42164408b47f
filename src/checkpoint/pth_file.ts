import { readWhole, writeWhole } from '../util/whole_file.ts'
import { tensorBytes } from './pickle/torch_tensor.ts'
import type { PyValue } from './pickle/value.ts'
import { writePickle } from './pickle/write.ts'
import { parsePth } from './pth.ts'
import { writeZip, type ZipEntry } from './zip.ts'

/** The folder inside the archive. torch accepts any name; with a fixed one the bytes depend on the content only. */
const folder = 'archive'

/** The object in a `.pth` file. Throws InputError with the path: unreadable, or as `parsePth` does. */
export function readPth(path: string): PyValue {
  return parsePth(readWhole(path, { expected: 'a checkpoint (.pth or .pt)' }), path)
}

/** Writes a file that torch.load (1.6 and later) can open. Atomic. Throws WriteError with path and reason. */
export function writePth(path: string, value: PyValue): void {
  writeWhole(path, encodePth(value))
}

/** The bytes of a `.pth` file, in pieces. The same value always yields the same bytes. */
export function encodePth(value: PyValue): Uint8Array[] {
  const { pickle, tensors } = writePickle(value)
  const text = (name: string, content: string): ZipEntry => ({
    name: `${folder}/${name}`,
    data: new TextEncoder().encode(content),
  })
  return writeZip([
    { name: `${folder}/data.pkl`, data: pickle },
    text('byteorder', 'little'),
    ...tensors.map((tensor, i) => ({ name: `${folder}/data/${i}`, data: tensorBytes(tensor) })),
    text('version', '3\n'),
  ])
}
