import { printable } from '../../src/util/listing.ts'

/** Tells the user one line on standard error, where it does not mix with a result on standard output. */
export function say(line: string): void {
  process.stderr.write(`${printable(line)}\n`)
}
