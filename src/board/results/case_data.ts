import { dirname, join } from 'node:path'
import type { Json, JsonObject } from '../../config/json.ts'
import { openDataset, readMetadata, readSpacing, splitOf } from '../../data/dataset/dataset.ts'
import { withGridPatches } from '../../data/dataset/patches.ts'
import { SPLIT_NAMES } from '../../data/dataset/split.ts'
import { imagesOf } from '../../data/dataset/volumes.ts'
import { Hdf5File } from '../../data/hdf5/file.ts'
import { isHdf5 } from '../../data/hdf5/signature.ts'
import { scanGroups } from '../../data/scan/scan_groups.ts'
import { InputError } from '../../util/error.ts'
import { factsOf, isFolder, namesIn } from '../../util/files/lookup.ts'
import type { ImageSize } from '../../util/shape.ts'
import type { CaseRow } from '../wire/results.ts'
import type { KnownPlaces } from './known_places.ts'
import type { ResultsFolder } from './results_folder.ts'

/** A row of an HDF5 file with images, and masks if it is of a dataset. */
export interface StoredSample {
  path: string
  row: number
  /** of the row, or of the patch */
  size: ImageSize
  /** where the patch begins if the sample is one */
  patchStart: ImageSize | undefined
  /** of the masks; undefined if the file has none that can be named */
  structures: readonly string[] | undefined
  /** millimetres along H, W, D; ones if unknown */
  spacing: [number, number, number]
}

/** What a case is about: a sample of an HDF5 file, or a scan. */
export type CaseData = { sample: StoredSample } | { scan: string }

/** Finds the data of a case. Throws InputError: nothing there, outside the board's folders, unreadable. */
export async function caseData(results: ResultsFolder, row: CaseRow, places: KnownPlaces): Promise<CaseData> {
  const { evaluated, predicted } = results.tables
  if (typeof evaluated?.dataset === 'string')
    return {
      sample: await evaluatedSample(places.find(evaluated.dataset, results.path), evaluated, row.sample, places),
    }
  const input = typeof predicted?.input === 'string' ? predicted.input : ''
  if (input === '') throw new InputError('the results do not say what they are of')
  const path = places.find(input, results.path)
  if (!isFolder(path) && isHdf5(path)) return { sample: await predictedSample(path, row.sample) }
  return { scan: scanOf(path, row.name, places) }
}

async function evaluatedSample(
  directory: string,
  { split, patch_size }: JsonObject,
  sample: number,
  places: KnownPlaces,
): Promise<StoredSample> {
  const whole = await openDataset(directory)
  const name = SPLIT_NAMES.find(each => each === split)
  if (!name) throw new InputError(`${directory}: has no split ${split}`)
  const dataset = isSize(patch_size) ? withGridPatches(whole, patch_size) : whole
  const { path, rows, spacing, samples, imageSize, cut } = splitOf(dataset, name)
  // a view shows the files of another dataset
  if (!places.has(path))
    throw new InputError(`${path}: is outside the folders of this board; add its folder to the command`)
  if (sample >= samples) throw new InputError(`${path}: has ${samples} samples, no sample ${sample}`)
  return {
    path,
    row: rows?.[sample] ?? sample,
    size: imageSize,
    patchStart: cut?.kind === 'grid' ? cut.starts[sample] : undefined,
    structures: dataset.structureNames,
    spacing: spacingAt(spacing, sample),
  }
}

async function predictedSample(path: string, sample: number): Promise<StoredSample> {
  const directory = dirname(path)
  const isOfDataset = factsOf(join(directory, 'metadata.json')) !== undefined
  const file = await Hdf5File.open(path)
  try {
    const { samples, imageSize: size } = imagesOf(file)
    if (sample >= samples) throw new InputError(`${path}: has ${samples} samples, no sample ${sample}`)
    const structures = isOfDataset && file.has('masks') ? readMetadata(directory).structureNames : undefined
    return {
      path,
      row: sample,
      size,
      patchStart: undefined,
      structures,
      spacing: spacingAt(readSpacing(file, samples), sample),
    }
  } finally {
    file.close()
  }
}

function isSize(value: Json | undefined): value is ImageSize {
  return Array.isArray(value) && value.length === 3 && value.every(length => Number.isInteger(length))
}

function spacingAt(spacing: Float64Array | undefined, sample: number): [number, number, number] {
  const [x = 1, y = 1, z = 1] = spacing?.subarray(3 * sample, 3 * sample + 3) ?? []
  return [x, y, z]
}

/** The file or the folder of a scan, by the name that `predict` gave it. */
function scanOf(input: string, name: string, places: KnownPlaces): string {
  const path = scanGroups([input], 1).find(group => group.name === name)?.paths[0]
  if (path === undefined) throw new InputError(`${input}: has no scan ${name} any more`)
  // a header in a file of its own names its data, which may be any file
  if (/\.(nhdr|mhd)$/i.test(path))
    throw new InputError(`${path}: keeps its voxels in another file, which the board does not open`)
  const files = isFolder(path) ? namesIn(path).map(each => join(path, each)) : [path]
  if (!files.every(file => places.has(file))) throw new InputError(`${path}: leads out of the folders of this board`)
  return path
}
