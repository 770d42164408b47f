import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../util/error.ts'
import { isFolder, namesIn } from '../../util/files/lookup.ts'
import { isScan } from './read_scan.ts'
import { isSegmentationName, VOLUME_ENDINGS, volumeFormat, volumeStem, withoutEnding } from './volume/names.ts'

/** The files of one scan; several files are its channels. */
export interface ScanGroup {
  name: string
  paths: string[]
  /** why it cannot be read, if its files already show it */
  fault?: string
}

const CHANNEL = /_(\d{4})$/ // nnU-Net: case_0000.nii.gz, case_0001.nii.gz

/**
 * The scans in `paths` (scans or folders of scans); those in a folder are sorted by file name. If the model reads several channels,
 * NAME_0000, NAME_0001 … are the channels of NAME; if it reads one, every file is a scan and _0000 is dropped from its name. A wrong number of
 * channels is a `fault` of that scan. Throws InputError for a path that is not a scan.
 */
export function scanGroups(paths: readonly string[], channels: number): ScanGroup[] {
  const found = paths.flatMap(scansAt)
  const groups = channels === 1 ? found.map(path => ({ name: stemOf(path), paths: [path] })) : grouped(found)
  return named(groups.map(group => ({ ...group, ...faultOf(group, channels) })))
}

function faultOf({ name, paths }: ScanGroup, channels: number): { fault?: string } {
  const wrong = paths.length > 1 ? paths.findIndex((path, channel) => channelOf(path) !== channel) : -1
  if (wrong >= 0)
    return {
      fault: `${paths[wrong]}: channel ${channelOf(paths[wrong]!)}, expected channel ${wrong} (_${String(wrong).padStart(4, '0')})`,
    }
  if (paths.length === 1 || paths.length === channels) return {}
  return { fault: `${paths[0]}: ${name} has ${paths.length} channel files, the model reads ${channels} channels` }
}

/** Whether `path` is a folder of scans; the folder of a DICOM series is a scan itself. */
export function isScanFolder(path: string): boolean {
  return isFolder(path) && !isScan(path) && namesIn(path).some(name => isVisibleScan(path, name))
}

function scansAt(path: string): string[] {
  if (isScan(path)) {
    if (!existsSync(path))
      throw new InputError(`${path}: no such file, expected a ${volumeFormat(path) ?? 'DICOM'} file`)
    return [path]
  }
  const inside = isFolder(path) ? namesIn(path).filter(name => isVisibleScan(path, name)) : []
  if (inside.length === 0)
    throw new InputError(`${path}: neither a scan nor a folder of scans (${VOLUME_ENDINGS}, or DICOM)`)
  return inside.sort().map(name => join(path, name))
}

function isVisibleScan(folder: string, name: string): boolean {
  return !name.startsWith('.') && !isSegmentationName(name) && isScan(join(folder, name))
}

/** Groups files by the name before the channel number; channels in order. */
function grouped(paths: readonly string[]): ScanGroup[] {
  const groups = new Map<string, string[]>()
  for (const path of paths) {
    const stem = withoutEnding(path)
    const key = CHANNEL.test(stem) ? stem.replace(CHANNEL, '') : path
    groups.set(key, [...(groups.get(key) ?? []), path])
  }
  return [...groups.values()].map(files => {
    const sorted = files.sort((a, b) => channelOf(a) - channelOf(b))
    return { name: stemOf(sorted[0]!), paths: sorted }
  })
}

function channelOf(path: string): number {
  return Number(withoutEnding(path).match(CHANNEL)?.[1] ?? 0)
}

function stemOf(path: string): string {
  return volumeStem(path).replace(/_0000$/, '')
}

/** Makes names unique if files in different folders, or NAME and NAME_0000, share one. */
function named(groups: readonly ScanGroup[]): ScanGroup[] {
  const used = new Set<string>()
  return groups.map(({ name, ...group }) => {
    let own = name
    for (let n = 2; used.has(own); n++) own = `${name}_${n}`
    used.add(own)
    return { name: own, ...group }
  })
}
