/** CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, RFC 3720 appendix B.4) of bytes, an unsigned 32-bit number. */
export const crc32c = crcOf(0x82f63b78)

/** The cyclic redundancy check of 32 bits with this reflected polynomial: of bytes, an unsigned number. */
export function crcOf(polynomial: number): (bytes: Uint8Array) => number {
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    return crc
  })
  return bytes => {
    let crc = 0xffffffff
    for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8)
    return ~crc >>> 0
  }
}
