import type { Scan } from '../data/scan/scan.ts'
import { volumeStem } from '../data/scan/volume/names.ts'
import type { MODALITIES } from './fingerprint_schema.ts'
import type { IntensitySample } from './intensities.ts'

/** What a scan was made with, and how that is known. */
export interface Modality {
  name: (typeof MODALITIES)[number]
  from: string
}

const SOP_CLASSES: Readonly<Record<string, Modality['name']>> = {
  '1.2.840.10008.5.1.4.1.1.2': 'CT',
  '1.2.840.10008.5.1.4.1.1.2.1': 'CT', // enhanced
  '1.2.840.10008.5.1.4.1.1.4': 'MR',
  '1.2.840.10008.5.1.4.1.1.4.1': 'MR',
  '1.2.840.10008.5.1.4.1.1.128': 'PET',
}
const NAMES: readonly (readonly [RegExp, Modality['name']])[] = [
  [/^(ct|hu)$/i, 'CT'],
  [/^(mri?\b.*|mri|t1.*|t2.*|flair|pd|adc|dwi|swi)$/i, 'MR'],
  [/^(pet|pt|suv)$/i, 'PET'],
]

/** Air in Hounsfield units; scanners pad with less. */
const AIR = { least: -4000, most: -900 }

/** By the DICOM class, the channel's name, the file's name as TotalSegmentator has it, or the Hounsfield units of air. */
export function modalityOf(scan: Scan, channelName: string | undefined, sample: IntensitySample): Modality {
  const stated = SOP_CLASSES[scan.dicom?.slices[0]?.sopClassUid ?? '']
  if (stated) return { name: stated, from: 'DICOM' }
  const named = channelName === undefined ? undefined : modalityNamed(channelName)
  if (named) return { name: named, from: 'dataset.json' }
  const file = modalityNamed(volumeStem(scan.path))
  if (file) return { name: file, from: 'the file name' }
  const least = sample.everywhere.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  if (least >= AIR.least && least <= AIR.most) return { name: 'CT', from: 'the Hounsfield units of air' }
  return { name: 'unknown', from: 'nothing states it' }
}

/** The modality that a channel's name means; undefined if it means none. */
export function modalityNamed(text: string): Modality['name'] | undefined {
  return NAMES.find(([pattern]) => pattern.test(text))?.[1]
}

/** The modality of a channel over several scans: what all agree on. */
export function agreed(modalities: readonly Modality[]): Modality {
  const [first] = modalities
  if (first && modalities.every(({ name }) => name === first.name)) return first
  return { name: 'unknown', from: first ? 'the scans disagree' : 'nothing states it' }
}
