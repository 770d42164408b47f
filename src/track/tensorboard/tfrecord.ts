import { crc32c } from '../../util/crc32c.ts'

/**
 * A record of a TFRecord file: length (u64), its CRC, the data and its CRC, little-endian. Readers ignore a truncated record at the end
 * of the file.
 */
export function tfRecord(data: Uint8Array): Buffer {
  const head = Buffer.alloc(12)
  head.writeBigUInt64LE(BigInt(data.length))
  head.writeUInt32LE(masked(crc32c(head.subarray(0, 8))), 8)
  const tail = Buffer.alloc(4)
  tail.writeUInt32LE(masked(crc32c(data)))
  return Buffer.concat([head, data, tail])
}

/** The format masks CRCs, since the CRC of data that contains CRCs would be weak. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
