import { crc32c } from '../../util/crc32c.ts'

/**
 * A record of TensorFlow's record file: length (u64), its CRC, the data, their CRC; all little endian. A reader that meets a torn
 * record at the end takes the file as ending before it.
 */
export function tfRecord(data: Uint8Array): Buffer {
  const head = Buffer.alloc(12)
  head.writeBigUInt64LE(BigInt(data.length))
  head.writeUInt32LE(masked(crc32c(head.subarray(0, 8))), 8)
  const tail = Buffer.alloc(4)
  tail.writeUInt32LE(masked(crc32c(data)))
  return Buffer.concat([head, data, tail])
}

/** The format stores CRCs rotated and shifted, so that a CRC over data that hold CRCs stays a good one. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
