import { crc32, deflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
/** PNG colour types: a pixel is one byte, a grey value or a palette index. */
const GREY = 0
const PALETTE = 3
const BITS = 8

/** Encodes a grey image (height, width) of bytes as PNG. */
export function greyPng(pixels: Uint8Array, width: number, height: number): Buffer {
  return png(pixels, width, height, GREY)
}

/** Encodes an image (height, width) of palette indices as PNG. @param palette at most 256 colours in bytes, opacity last */
export function palettePng(
  pixels: Uint8Array,
  width: number,
  height: number,
  palette: readonly (readonly [red: number, green: number, blue: number, opacity: number])[],
): Buffer {
  const colors = Buffer.from(palette.flatMap(color => color.slice(0, 3)))
  const opacities = Buffer.from(palette.map(color => color[3]))
  return png(pixels, width, height, PALETTE, [chunk('PLTE', colors), chunk('tRNS', opacities)])
}

function png(pixels: Uint8Array, width: number, height: number, type: number, colors: readonly Buffer[] = []): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([BITS, type], 8)
  // each row begins with its filter type; 0 is none
  const rows = Buffer.alloc(height * (width + 1))
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1)
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    ...colors,
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
