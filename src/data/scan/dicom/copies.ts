import { basename } from 'node:path'
import { listed } from '../../../util/listing.ts'
import { readWhole } from '../../../util/whole_file.ts'
import type { DicomImage } from './image.ts'
import { TAG } from './tags.ts'

/** Leaves out files that are copies of others: the same SOP instance (also if its UID was blanked) in the same bytes. */
export function withoutCopies(images: readonly DicomImage[]): { images: DicomImage[]; warnings: string[] } {
  const kept = new Map<string, DicomImage[]>()
  const copies: string[] = []
  const rest = images.filter(image => {
    const same = kept.get(keyOf(image)) ?? []
    const original = same.length > 0 ? originalOf(image, same) : undefined
    if (original) copies.push(`${nameOf(image)} (of ${nameOf(original)})`)
    else kept.set(keyOf(image), [...same, image])
    return !original
  })
  if (copies.length === 0) return { images: rest, warnings: [] }
  const are =
    copies.length === 1 ? 'a file is a copy of another and is' : `${copies.length} files are copies of others and are`
  return { images: rest, warnings: [`${are} left out: ${listed(copies)}`] }
}

function originalOf(image: DicomImage, others: readonly DicomImage[]): DicomImage | undefined {
  const bytes = readWhole(image.file.path)
  return others.find(other => readWhole(other.file.path).equals(bytes))
}

/** Equal for copies. */
function keyOf({ sopInstance, file: { elements } }: DicomImage): string {
  return `${sopInstance} at ${elements.text(TAG.ImagePositionPatient)}`
}

function nameOf({ file }: DicomImage): string {
  return basename(file.path)
}
