import { join } from 'node:path'
import { InputError } from '../../util/error.ts'
import { isFolder, namesIn } from '../../util/files/lookup.ts'
import { isDicomFile, readDicomFile } from '../scan/dicom/file.ts'
import { TAG } from '../scan/dicom/tags.ts'
import { volumeStem } from '../scan/volume/names.ts'

/** Names of channels by DICOM's Modality (0008,0060). */
const MODALITIES: Readonly<Record<string, string>> = { CT: 'CT', MR: 'MRI' }
/** By file names that state a modality, as TotalSegmentator's. */
const FILES: Readonly<Record<string, string>> = { ct: 'CT', mri: 'MRI' }

/** A channel's name by what its file states; undefined if that is nothing. */
export function modalityOf(image: string): string | undefined {
  const named = FILES[volumeStem(image).toLowerCase()]
  return named ?? MODALITIES[dicomModality(image) ?? '']
}

/** Channel names that the images of all scans state alike; undefined if any states nothing or something else. */
export function modalitiesOf(scans: readonly { images: readonly string[] }[]): string[] | undefined {
  const [first, ...others] = scans
  const names = first?.images.map(modalityOf)
  const isSame = ({ images }: { images: readonly string[] }): boolean =>
    images.every((image, c) => modalityOf(image) === names![c])
  return names?.every(name => name !== undefined) && others.every(isSame) ? names : undefined
}

/** Of the first DICOM file of a series. Of an unreadable one nothing is known; its import reports why. */
function dicomModality(image: string): string | undefined {
  try {
    const first = isFolder(image)
      ? namesIn(image)
          .map(name => join(image, name))
          .find(isDicomFile)
      : image
    return first !== undefined && isDicomFile(first) ? readDicomFile(first).elements.text(TAG.Modality) : undefined
  } catch (error) {
    if (error instanceof InputError) return undefined
    throw error
  }
}
