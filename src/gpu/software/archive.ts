import { createHash } from 'node:crypto'

const block = 512

/**
 * The regular files of a tar archive, by path.
 * @param tar POSIX ustar (the format of npm packages); other entries are skipped
 * @throws Error on a wrong header checksum or a truncated file
 */
export function readTar(tar: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  let at = 0
  while (at + block <= tar.length && tar[at] !== 0) {
    const header = tar.subarray(at, at + block)
    const size = octal(header, 124, 12)
    const path = entryPath(header)
    if (octal(header, 148, 8) !== checksum(header)) throw new Error(`tar: header at byte ${at} has a wrong checksum`)
    const end = at + block + size
    if (end > tar.length) throw new Error(`tar: ${path} ends at byte ${end}, the archive at ${tar.length}`)
    const type = text(header, 156, 1)
    if (type === '' || type === '0') files.set(path, tar.subarray(at + block, end))
    at = block * Math.ceil(end / block)
  }
  return files
}

function text(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length)
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end < 0 ? length : end)
}

function octal(header: Buffer, start: number, length: number): number {
  return Number.parseInt(text(header, start, length).trim() || '0', 8)
}

function entryPath(header: Buffer): string {
  const prefix = text(header, 257, 5) === 'ustar' ? text(header, 345, 155) : ''
  return (prefix ? `${prefix}/` : '') + text(header, 0, 100)
}

/** The sum of the header's bytes, with the checksum field counted as eight spaces. */
function checksum(header: Buffer): number {
  let sum = 0
  for (const [index, byte] of header.entries()) sum += index >= 148 && index < 156 ? 32 : byte
  return sum
}

/**
 * @param integrity as in npm's lock files: 'sha512-' and the digest in base64
 * @throws Error if the bytes do not match
 */
export function checkIntegrity(name: string, bytes: Buffer, integrity: string): void {
  const found = `sha512-${createHash('sha512').update(bytes).digest('base64')}`
  if (found !== integrity) throw new Error(`${name}: expected ${integrity}, found ${found}`)
}
