import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isFolder, namesIn } from '../../util/files/lookup.ts'
import { listed } from '../../util/listing.ts'
import { MaskFolders, type Reporting, type ScanFiles } from './pairs.ts'

const SCANS = ['ct.nii.gz', 'mri.nii.gz']
const MASKS = 'segmentations'

/** Whether `folder` holds a folder per subject with ct.nii.gz (or mri.nii.gz) and segmentations/, as TotalSegmentator's dataset does. */
export function isTotalSegmentator(folder: string): boolean {
  return isFolder(folder) && namesIn(folder).some(name => scanIn(join(folder, name)) !== undefined)
}

/** The subjects of TotalSegmentator's dataset. Says which of its entries are none. Throws InputError for a folder without masks. */
export function totalSegmentatorSubjects(folder: string, reporting: Reporting): ScanFiles[] {
  const masks = new MaskFolders(folder)
  const names = namesIn(folder).filter(name => !name.startsWith('.'))
  const subjects: ScanFiles[] = []
  const others: string[] = []
  for (const name of names.sort()) {
    const image = scanIn(join(folder, name))
    if (image === undefined) others.push(name)
    else subjects.push({ name, images: [image], label: masks.labelAt(join(folder, name, MASKS)) })
  }
  if (others.length > 0)
    reporting.say(`${folder}: ${others.length} entries are no subjects and are not imported: ${listed(others)}`)
  return masks.saying(reporting, subjects)
}

function scanIn(subject: string): string | undefined {
  if (!isFolder(subject) || !isFolder(join(subject, MASKS))) return undefined
  return SCANS.map(name => join(subject, name)).find(path => existsSync(path))
}
