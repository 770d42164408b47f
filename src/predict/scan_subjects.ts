import { channelsOf } from '../data/scan/channels.ts'
import type { ScanGroup } from '../data/scan/scan_groups.ts'
import { InputError } from '../util/error.ts'
import { type ScanReading, scanSubject } from './scan_subject.ts'
import type { ModelGrid, Subjects } from './subjects.ts'

/** The scans of these groups, each read and prepared as `scanSubject` does; `series` is the UID of the one to read from a DICOM folder with several. */
export function scanSubjects(
  groups: readonly ScanGroup[],
  model: ModelGrid,
  { series, ...reading }: ScanReading & { series?: string | undefined },
): Subjects {
  return {
    count: groups.length,
    nameOf: index => groups[index]!.name,
    whereIs: index => groups[index]!.paths[0]!,
    read: index => {
      const { name, paths, fault } = groups[index]!
      if (fault !== undefined) throw new InputError(fault)
      return scanSubject({ index, name, path: paths[0]!, channels: channelsOf(paths, { series }) }, model, reading)
    },
    close: () => undefined,
  }
}
