import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { removeFile, WriteError, writing } from '../util/whole_file.ts'

const AT_ONCE = 2 ** 26 // bytes; a system call transfers less than 2 GiB

/** A temporary file of a fixed length, 0 until it is written. `close` removes it. Throws WriteError. */
export class Scratch {
  private readonly path: string
  private readonly file: number

  constructor(path: string, bytes: number) {
    this.path = path
    this.file = writing(path, () => openSync(path, 'w+'))
    writing(path, () => ftruncateSync(this.file, bytes))
  }

  /** Fills `bytes` from byte `start` on. */
  read(bytes: Uint8Array, start: number): void {
    this.transfer((piece, position) => readSync(this.file, piece, 0, piece.length, position), bytes, start)
  }

  write(bytes: Uint8Array, start: number): void {
    this.transfer((piece, position) => writeSync(this.file, piece, 0, piece.length, position), bytes, start)
  }

  close(): void {
    closeSync(this.file)
    removeFile(this.path)
  }

  private transfer(move: (piece: Uint8Array, position: number) => number, bytes: Uint8Array, start: number): void {
    for (let done = 0; done < bytes.length; ) {
      const moved = writing(this.path, () => move(bytes.subarray(done, done + AT_ONCE), start + done))
      if (moved === 0) throw new WriteError(`${this.path}: ends at byte ${start + done}`)
      done += moved
    }
  }
}
