import { join } from 'node:path'
import { InputError } from '../../util/error.ts'
import { isFolder, namesIn } from '../../util/files/lookup.ts'
import { isDicomFile, readDicomFile } from '../scan/dicom/file.ts'
import { TAG } from '../scan/dicom/tags.ts'
import { volumeStem } from '../scan/volume/names.ts'

export const MODALITIES = ['CT', 'MR', 'PET'] as const

/** What a scan was made with. */
type ModalityName = (typeof MODALITIES)[number]

export interface Modality {
  name: ModalityName
  /** how that is known */
  from: string
}

/** By DICOM's Modality (0008,0060). */
const DICOM: Readonly<Record<string, ModalityName>> = { CT: 'CT', MR: 'MR', PT: 'PET' }

/** By names of channels and files. Digits may not follow: T100 is a subject. */
const NAMES: readonly (readonly [RegExp, ModalityName])[] = [
  [/^(ct|hu)$/i, 'CT'],
  [/^(mri?|t[12][a-z*]*|flair|pdw?|adc|dwi|swi)(?![a-z0-9])/i, 'MR'],
  [/^(pet|pt|suv)$/i, 'PET'],
]

/** Air in Hounsfield units; scanners pad with less. */
const AIR = { least: -4000, most: -900 }

/** What channels are called of which nothing but the modality is known. */
const CHANNEL_NAMES: Readonly<Record<ModalityName, string>> = { CT: 'CT', MR: 'MRI', PET: 'PET' }

/** What else than its file is known of an image. */
interface KnownOfImage {
  /** by a dataset.json */
  channelName?: string | undefined
  /** lowest value, if the image has been read */
  least?: number
}

/**
 * By a DICOM header, the channel's name, the name of the file as TotalSegmentator has it, or the Hounsfield units of air. `image` is a file or
 * the folder of a series. Undefined if nothing tells.
 */
export function modalityOf(image: string, { channelName, least }: KnownOfImage = {}): Modality | undefined {
  const candidates: [ModalityName | undefined, string][] = [
    [DICOM[dicomModality(image) ?? ''], 'DICOM'],
    [channelName === undefined ? undefined : modalityNamed(channelName), 'dataset.json'],
    [modalityNamed(volumeStem(image)), 'the file name'],
    [least !== undefined && least >= AIR.least && least <= AIR.most ? 'CT' : undefined, 'the Hounsfield units of air'],
  ]
  for (const [name, from] of candidates) if (name) return { name, from }
  return undefined
}

/** The modality that the name of a channel or a file means; undefined if it means none. */
export function modalityNamed(text: string): ModalityName | undefined {
  return NAMES.find(([pattern]) => pattern.test(text))?.[1]
}

/** Names for the channels by what the images of all scans state alike; undefined if any states nothing or something else. */
export function channelsByModality(
  scans: readonly { images: readonly string[] }[],
  channels: number,
): string[] | undefined {
  const namesOf = ({ images }: { images: readonly string[] }) => images.map(image => modalityOf(image)?.name)
  const [first, ...others] = scans
  const names = first ? namesOf(first) : []
  const known = names.filter(name => name !== undefined)
  const isKnown = known.length === channels && names.length === channels
  if (!isKnown || !others.every(scan => namesOf(scan).join() === known.join())) return undefined
  return known.map(name => CHANNEL_NAMES[name])
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
