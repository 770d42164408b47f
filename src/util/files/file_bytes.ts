import fs from 'node:fs'
import type { ByteSource } from '../bytes/byte_source.ts'

/** The bytes of an open file from `start` on. */
export class FileBytes implements ByteSource {
  private readonly file: number
  private at: number

  constructor(file: number, start = 0) {
    this.file = file
    this.at = start
  }

  read(target: Uint8Array): number {
    let done = 0
    while (done < target.length) {
      const got = fs.readSync(this.file, target, done, target.length - done, this.at)
      if (got === 0) break
      done += got
      this.at += got
    }
    return done
  }
}
