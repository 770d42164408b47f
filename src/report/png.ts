import { crc32, deflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
/** Bytes of a pixel, and how PNG calls that. */
const GREY = { bytes: 1, type: 0 }
const COLOR_WITH_ALPHA = { bytes: 4, type: 6 }
const BITS = 8

/** A grey picture (height, width) of bytes as PNG. */
export function greyPng(pixels: Uint8Array, width: number, height: number): Buffer {
  return png(pixels, width, height, GREY)
}

/** A coloured picture (height, width, 4) of bytes, the last of a pixel being its opacity, as PNG. */
export function colorPng(pixels: Uint8Array, width: number, height: number): Buffer {
  return png(pixels, width, height, COLOR_WITH_ALPHA)
}

function png(pixels: Uint8Array, width: number, height: number, { bytes, type }: typeof GREY): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([BITS, type], 8)
  // each row begins with the number of its filter, 0: none
  const row = width * bytes
  const rows = Buffer.alloc(height * (row + 1))
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * row, (y + 1) * row), y * (row + 1) + 1)
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const content = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  check.writeUInt32BE(crc32(content))
  return Buffer.concat([length, content, check])
}
