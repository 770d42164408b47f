import { readLabel, readMask } from '../data/import/labels.ts'
import { type Modality, modalityOf } from '../data/import/modality.ts'
import type { SurveyedScan } from '../data/import/surveyed_scan.ts'
import { channelsOf } from '../data/scan/channels.ts'
import { orientedGrid } from '../data/scan/frame.ts'
import { orientationOf, reorient } from '../data/scan/orientation.ts'
import type { Scan } from '../data/scan/scan.ts'
import { type ImageSize, sizeOf } from '../util/shape.ts'
import { IntensitySample } from './intensities.ts'
import { addShapes, emptyShape, type StructureShape } from './structure_shape.ts'

/** What is measured of one scan, or of one sample of a dataset. */
export interface MeasuredScan {
  subject: string
  /** directions of the stored axes, e.g. "LSA"; undefined for a sample of a dataset */
  orientation: string | undefined
  size: ImageSize // voxels along right, anterior, superior
  spacing: readonly [number, number, number] // mm, or 1 if nothing states it
  /** (S): undefined for structures that are absent or not annotated */
  shapes: readonly (StructureShape | undefined)[]
  /** (S): 1 present, 0 absent, −1 not annotated */
  presence: readonly number[]
}

/** The labels of a scan, measured, and the voxels that any structure has. */
export interface MeasuredLabels {
  scan: MeasuredScan
  labelled: Uint8Array // (H, W, D)
}

/** Reads the labels of a scan. Throws InputError with the file. */
export function measureLabels({ subject, label, known, presence }: SurveyedScan): MeasuredLabels {
  const shapes = known.map(emptyShape)
  let labelled: Uint8Array | undefined
  let grid: Scan | undefined
  const add = (scan: Scan, marked: ReadonlyMap<number, readonly number[]>): void => {
    const { values, size } = reorient(scan.values, scan.size, orientationOf(scan.affine))
    labelled ??= new Uint8Array(sizeOf(size))
    grid ??= scan
    addShapes(values, size, marked, shapes, labelled)
  }
  if (label.kind === 'volume') add(readLabel(label.path), structuresByValue(known))
  else
    for (const [name, path] of label.files) {
      const marked = known.flatMap((structure, s) => (structure?.marks.some(mark => String(mark) === name) ? [s] : []))
      const scan = readMask(path)
      const value = scan.values.find(each => each !== 0)
      add(scan, new Map(value === undefined ? [] : [[value, marked]]))
    }
  const { size, spacing } = orientedGrid(grid!)
  return {
    scan: {
      ...{ subject, size, spacing, presence },
      orientation: orientationOf(grid!.affine).code,
      shapes: shapes.map(shape => (shape.voxels > 0 ? shape : undefined)),
    },
    labelled: labelled!,
  }
}

function structuresByValue(known: SurveyedScan['known']): Map<number, number[]> {
  const found = new Map<number, number[]>()
  for (const [s, structure] of known.entries())
    for (const mark of structure?.marks ?? [])
      if (typeof mark === 'number') found.set(mark, [...(found.get(mark) ?? []), s])
  return found
}

/** What is measured of a scan's images: the intensities of each channel, and the modality that the scan states or shows, if it does. */
export interface MeasuredImages {
  samples: IntensitySample[]
  modalities: (Modality | undefined)[]
}

/** Reads the channels of a scan. `labelled`: (H, W, D). Throws InputError with the file. */
export function measureImages({ images, source }: SurveyedScan, labelled: Uint8Array): MeasuredImages {
  const samples: IntensitySample[] = []
  const modalities: (Modality | undefined)[] = []
  for (const { scan, values } of channelsOf(images)) {
    const oriented = reorient(values, scan.size, orientationOf(scan.affine)).values
    const sample = IntensitySample.of(oriented, labelled)
    const channelName = source.channelNames?.[samples.length]
    modalities.push(modalityOf(scan.path, { channelName, least: sample.least }))
    samples.push(sample)
  }
  return { samples, modalities }
}
