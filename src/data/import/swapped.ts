import { InputError } from '../../util/error.ts'
import { channelsOf } from '../scan/channels.ts'
import type { LabelContent } from './labels.ts'
import type { ScanFiles } from './pairs.ts'

/** A label with more values than this is looked at twice: the largest atlases of a brain have fewer. */
const MOST_VALUES = 256

/** Throws InputError if the label of a scan has many values and its image has few: then they were given in each other's place. */
export function checkNotSwapped({ images, label }: ScanFiles, { occurring }: LabelContent): void {
  if (occurring.size <= MOST_VALUES || !isLikeLabel(images)) return
  throw new InputError(`${label.path}: holds ${occurring.size} label values, ${SWAPPED}`)
}

/** The error of a label that could not be read, with a question behind it if its image could be one. */
export function withSwapQuestion(error: InputError, { images, label }: ScanFiles): InputError {
  const isOfLabel = error.message.startsWith(`${label.path}: label `)
  return isOfLabel && isLikeLabel(images) ? new InputError(`${error.message}, ${SWAPPED}`) : error
}

const SWAPPED = 'and its image holds few whole numbers: are the images and the labels swapped?'

/** Whether an image holds the few whole numbers of a label, 0 among them. */
function isLikeLabel(images: readonly string[]): boolean {
  try {
    const values = new Set<number>()
    for (const channel of channelsOf(images))
      for (const value of channel.values) {
        if (!Number.isInteger(value)) return false
        if (values.add(value).size > MOST_VALUES) return false
      }
    return values.has(0)
  } catch (error) {
    if (error instanceof InputError) return false
    throw error
  }
}
