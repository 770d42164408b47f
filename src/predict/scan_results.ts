import { join } from 'node:path'
import { DicomSegmentation } from '../data/scan/dicom/segmentation.ts'
import { writeNifti } from '../data/scan/nifti/writer.ts'
import { regionColor } from '../report/chart/palette.ts'
import { fileNames } from '../util/files/file_names.ts'
import type { StagedResults } from '../util/files/staged_results.ts'
import { sizeOf } from '../util/shape.ts'
import { writeText } from '../util/whole_file.ts'
import { LabelVolume, ontoScan } from './masks.ts'
import {
  FLOATS,
  MOST_LABELS,
  makeMasks,
  type PresenceRow,
  type SubjectFileOptions,
  type SubjectFiles,
} from './subject_files.ts'
import type { SubjectPrediction } from './subject_prediction.ts'
import type { SubjectPlace } from './subjects.ts'

const LABELS = { volume: 'labels.nii.gz', table: 'labels.json', description: 'labels.label' } as const

/**
 * Results on each scan's own grid: masks/STRUCTURE.nii.gz, labels.nii.gz with label tables, masks.dcm for DICOM series, and if requested
 * probabilities/ and attention/. Memory: one structure's volume on the model's grid (two where masks overlap), a mask and the labels at a
 * byte per voxel of the scan, or four bytes per voxel for probabilities or attention; masks.dcm needs one bit per voxel of the planes with
 * masks.
 */
export class ScanResults implements SubjectFiles {
  private readonly results: StagedResults
  private readonly folders: readonly string[]
  private readonly options: SubjectFileOptions
  /** file names, one per structure */
  private readonly names: readonly string[]
  private readonly hasLabels: boolean

  /** `folders` has one name per scan; '' is the folder of the results. */
  constructor(
    results: StagedResults,
    folders: readonly string[],
    options: SubjectFileOptions,
    say: (line: string) => void,
  ) {
    const { structureNames } = options
    this.results = results
    this.folders = folders
    this.options = options
    this.names = fileNames(structureNames)
    this.hasLabels = structureNames.length <= MOST_LABELS
    results.claim(folders.flatMap(folder => this.resultsOf(folder)))
    if (!this.hasLabels)
      say(`labels.nii.gz is not written: there are ${structureNames.length} structures, it can hold ${MOST_LABELS}`)
  }

  append(subject: SubjectPlace, prediction: SubjectPrediction): PresenceRow[] {
    const folder = this.folders[subject.index]!
    const rows = this.writeMasks(folder, subject, prediction)
    for (const { name, output, wanted } of FLOATS) {
      if (!this.options[wanted]) continue
      const values = new Float32Array(sizeOf(subject.grid.size))
      for (const [s, file] of this.names.entries()) {
        ontoScan(subject.frame, prediction.volume(output, s), values)
        writeNifti(this.results.path(folder, name, `${file}.nii.gz`), values, subject.grid)
      }
    }
    return rows
  }

  async adopt(folder: string, names: readonly string[]): Promise<void> {
    this.results.adopt(names, folder)
  }

  async finish(): Promise<void> {}

  abandon(): void {}

  /** The files of a scan, but for what only a DICOM series gets. */
  private resultsOf(folder: string): string[] {
    const volumes = ['masks', ...FLOATS.filter(({ wanted }) => this.options[wanted]).map(({ name }) => name)]
    return [
      ...volumes.flatMap(name => this.names.map(file => join(folder, name, `${file}.nii.gz`))),
      ...(this.hasLabels ? Object.values(LABELS).map(file => join(folder, file)) : []),
    ]
  }

  private writeMasks(folder: string, subject: SubjectPlace, prediction: SubjectPrediction): PresenceRow[] {
    const { frame, grid, dicom } = subject
    const { structureNames } = this.options
    const volumeOf = (s: number): Float32Array => prediction.volume('segmentation_probs', s)
    const labels = this.hasLabels ? new LabelVolume(frame, grid.size, volumeOf) : undefined
    const segments = dicom && new DicomSegmentation(dicom)
    const rows = makeMasks(subject, prediction, this.options, (s, mask) => {
      writeNifti(this.results.path(folder, 'masks', `${this.names[s]}.nii.gz`), mask, grid)
      labels?.add(s, mask)
      segments?.add(structureNames[s]!, mask)
    })
    segments?.write(this.results.path(folder, 'masks.dcm'))
    if (labels) {
      writeNifti(this.results.path(folder, LABELS.volume), labels.labels, grid)
      writeText(this.results.path(folder, LABELS.table), labelTable(structureNames, this.names))
      writeText(this.results.path(folder, LABELS.description), labelDescription(structureNames))
    }
    return rows
  }
}

/** The label table of labels.nii.gz as JSON. `files` are the names of the mask files. */
function labelTable(structureNames: readonly string[], files: readonly string[]): string {
  const labels = structureNames.map((name, s) => ({
    value: s + 1,
    name,
    color: regionColor(s),
    mask: `masks/${files[s]}.nii.gz`,
  }))
  const rule = 'where masks overlap, the structure of the highest probability'
  return `${JSON.stringify({ rule, labels: [{ value: 0, name: 'background' }, ...labels] }, null, 2)}\n`
}

/** The label table as a label description of ITK-SNAP: value, red, green, blue, opacity, visible, in meshes, name. */
function labelDescription(structureNames: readonly string[]): string {
  const line = (value: number, color: string, isShown: 0 | 1, name: string): string => {
    const [red, green, blue] = [1, 3, 5].map(at => Number.parseInt(color.slice(at, at + 2), 16))
    return `${value} ${red} ${green} ${blue} ${isShown} ${isShown} ${isShown} "${name.replace(/["\p{Cc}]/gu, "'")}"\n`
  }
  const lines = structureNames.map((name, s) => line(s + 1, regionColor(s), 1, name))
  return [line(0, '#000000', 0, 'Clear Label'), ...lines].join('')
}
