import { encodeNifti } from '../../../data/scan/nifti/encode.ts'
import type { NiftiImage } from '../../../data/scan/nifti/image.ts'
import { channelsIn } from '../../../data/scan/scan_channels.ts'
import { BadSubjects } from '../../../predict/bad_subjects.ts'
import type { PredictionHead } from '../../../predict/files.ts'
import { LabelVolume } from '../../../predict/masks.ts'
import { predictSubjects } from '../../../predict/passes.ts'
import { scanSubject } from '../../../predict/scan_subject.ts'
import { MOST_LABELS, makeMasks } from '../../../predict/subject_files.ts'
import type { SubjectPrediction } from '../../../predict/subject_prediction.ts'
import type { ModelGrid, Subject, SubjectPlace, Subjects } from '../../../predict/subjects.ts'
import { DEFAULT_OVERLAP, windowsOver } from '../../../predict/windows.ts'
import { fileNames } from '../../../util/files/file_names.ts'
import type { ImageSize } from '../../../util/shape.ts'
import type { Found, Report, VolumeFile } from './messages.ts'
import type { OpenModel } from './open_model.ts'

/** A scan whose files have been read, one per channel or one for all. */
export interface ReadScan {
  files: readonly NiftiImage[]
  /** windows slide over the whole scan */
  isSlidOver: boolean
}

/** Segments a scan as `sadaan-gpu predict` does. Throws InputError if it does not suit the model, DeviceLostError. */
export async function predictScan(
  { model, preparation, engine, facts }: OpenModel,
  { files, isSlidOver }: ReadScan,
  tell: (report: Report) => void,
): Promise<Found> {
  const { path } = files[0]!
  const name = path.replace(/\.nii(\.gz)?$/i, '')
  const window: ImageSize = [...model.shape.size]
  const grid: ModelGrid = { path: model.path, channels: model.shape.inChannels, size: window, isSlidOver }
  const reading = {
    preparation,
    trainingScans: model.trainingScans,
    say: (line: string) => tell({ kind: 'said', line }),
  }
  const subject = scanSubject({ index: 0, name, path, channels: channelsIn(files) }, grid, reading)
  const { structureNames, presenceThreshold } = facts
  const head: PredictionHead = {
    weights: model.path,
    input: path,
    structureNames,
    presenceThreshold,
    ...(isSlidOver && { overlap: DEFAULT_OVERLAP }),
    flips: [[]],
    isLargestComponent: false,
    hasAttention: false,
    hasUncertainty: false,
    warnings: [],
  }
  const subjects = only(subject, path)
  const task = { ensemble: { models: [model], common: model }, head, subjects, engine, bad: new BadSubjects(subjects) }
  const all = windowsOver(subject.frame.size, window, DEFAULT_OVERLAP).length
  let done = 0
  let found: Found | undefined
  tell({ kind: 'progress', what: 'Segmenting', done, all })
  await predictSubjects(
    { ...task, scratch: volume => `${path}: ${volume}` },
    {
      use: (place, prediction) => {
        found = filesOf(name, place, prediction, head)
      },
      afterBatch: passes => {
        done += passes
        tell({ kind: 'progress', what: 'Segmenting', done, all })
      },
    },
  )
  return found!
}

function only(subject: Subject, path: string): Subjects {
  return { count: 1, nameOf: () => subject.name, whereIs: () => path, read: () => subject, close: () => undefined }
}

/** Masks and label volume on the grid of the scan. */
function filesOf(scan: string, place: SubjectPlace, prediction: SubjectPrediction, head: PredictionHead): Found {
  const { structureNames } = head
  const { frame, grid } = place
  const fileOf = (name: string, values: Uint8Array): VolumeFile => {
    const pieces = [...encodeNifti(name, values, grid)]
    return { name, bytes: new Blob(pieces) }
  }
  const names = fileNames(structureNames)
  const masks: VolumeFile[] = []
  const labels =
    structureNames.length <= MOST_LABELS
      ? new LabelVolume(frame, grid.size, s => prediction.volume('segmentation_probs', s))
      : undefined
  const rows = makeMasks(place, prediction, { ...head, hasProbabilities: false }, (s, mask) => {
    masks.push(fileOf(`${scan}_${names[s]}.nii.gz`, mask))
    labels?.add(s, mask)
  })
  return { scan, rows, masks, labels: labels && fileOf(`${scan}_labels.nii.gz`, labels.labels) }
}
