import { readScan, type ScanOptions } from './read_scan.ts'
import type { Scan } from './scan.ts'
import { type Channel, channelsIn } from './scan_channels.ts'

/** The channels of a scan's files in order, one file in memory at a time. Throws InputError if a file's grid differs from the first one's. */
export function channelsOf(images: readonly string[], options: ScanOptions = {}): Generator<Channel> {
  return channelsIn(filesOf(images, options))
}

function* filesOf(images: readonly string[], options: ScanOptions): Generator<Scan> {
  for (const path of images) yield readScan(path, options)
}
