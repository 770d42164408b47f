import { sha256 as sha256Of } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type * as node from '../../../host/digest.ts'
import { crcOf } from '../../../util/crc32c.ts'

/** The browser's own digests answer later; readers need theirs at once. */
export const sha256: typeof node.sha256 = pieces => {
  const hash = sha256Of.create()
  for (const piece of pieces) hash.update(piece)
  return bytesToHex(hash.digest())
}

export const crc32 = crcOf(0xedb88320)
