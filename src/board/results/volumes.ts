import { join } from 'node:path'
import { imagesOf, masksOf } from '../../data/dataset/volumes.ts'
import { Hdf5File, type NumericArray } from '../../data/hdf5/file.ts'
import { encodeNifti } from '../../data/scan/nifti/encode.ts'
import { cutPatch } from '../../data/scan/patches.ts'
import { readScan } from '../../data/scan/read_scan.ts'
import type { ScanGrid } from '../../data/scan/scan.ts'
import { InputError, messageOf } from '../../util/error.ts'
import { fileNames } from '../../util/files/file_names.ts'
import { type ImageSize, sizeOf } from '../../util/shape.ts'
import { readWhole } from '../../util/whole_file.ts'
import { ownFile } from '../records/own_files.ts'
import type { CaseRow, Layer } from '../wire/results.ts'
import { type CaseData, caseData, type StoredSample } from './case_data.ts'
import type { KnownPlaces } from './known_places.ts'
import type { ResultsFolder } from './results_folder.ts'
import { namesOf } from './tables.ts'

const EVALUATED_MASKS = 'evaluated_masks.h5'

/** The volumes of one case as NIfTI: what HDF5 files hold, and scans of any format, are converted. */
export class CaseVolumes {
  private readonly results: ResultsFolder
  private readonly row: CaseRow
  private readonly places: KnownPlaces

  constructor(results: ResultsFolder, row: CaseRow, places: KnownPlaces) {
    this.results = results
    this.row = row
    this.places = places
  }

  /** Which layers there are, and why others are not; whether masks of structures that were predicted absent are empty. */
  async available(): Promise<{ layers: Layer[]; missing: string[]; isGated: boolean }> {
    const layers: Layer[] = []
    const missing: string[] = []
    try {
      const data = await this.data()
      layers.push('scan')
      if ('sample' in data && data.sample.structures) layers.push('truth')
    } catch (error) {
      missing.push(`no scan: ${messageOf(error)}`)
    }
    const { predicted } = this.results.tables
    if (this.hasEvaluatedMasks || this.isStored('masks.h5') || this.scanFile('labels.nii.gz')) layers.push('prediction')
    else if (predicted) missing.push('no prediction: labels.nii.gz is not there any more')
    else missing.push('no prediction: evaluate with --masks keeps the masks')
    if (this.isStored('attention.h5') || this.attentionFile(0)) layers.push('attention')
    return { layers, missing, isGated: !this.hasEvaluatedMasks }
  }

  /** The masks of an evaluation are without the presence gate. */
  private get hasEvaluatedMasks(): boolean {
    return this.results.tables.evaluated !== undefined && this.isStored(EVALUATED_MASKS)
  }

  /** The bytes of a layer. `structure` is the one whose attention is shown. Throws InputError if it cannot be had. */
  async bytes(layer: Layer, structure: number): Promise<Uint8Array> {
    if (layer === 'scan') return this.scan(await this.data())
    if (layer === 'truth') return this.truth(await this.data())
    return layer === 'prediction' ? this.prediction() : this.attention(structure)
  }

  private data(): Promise<CaseData> {
    return caseData(this.results, this.row, this.places)
  }

  private async scan(data: CaseData): Promise<Uint8Array> {
    if ('scan' in data) {
      const { size, values, affine, geometry } = readScan(data.scan)
      const grid = geometry ? { size, affine, geometry } : { size, affine }
      return nifti(Float32Array.from(values.subarray(0, sizeOf(size))), grid)
    }
    const { sample } = data
    return withFile(sample.path, file => {
      const { dataset, imageSize } = imagesOf(file)
      const image = Float32Array.from(file.read(dataset, sample.row, 1).subarray(0, sizeOf(imageSize)))
      return nifti(cutFrom(image, imageSize, sample), gridOf(sample.size, sample.spacing))
    })
  }

  private async truth(data: CaseData): Promise<Uint8Array> {
    const sample = 'sample' in data ? data.sample : undefined
    if (!sample?.structures) throw new InputError('the truth of this case is not known')
    return withFile(sample.path, file => {
      const images = imagesOf(file)
      const masks = file.read(masksOf(file, images), sample.row, 1)
      const labels = this.labels(masks, sample.structures!)
      return nifti(cutFrom(labels, images.imageSize, sample), gridOf(sample.size, sample.spacing))
    })
  }

  private async prediction(): Promise<Uint8Array> {
    if (this.hasEvaluatedMasks)
      return this.storedRow(EVALUATED_MASKS, 'masks', (masks, size, spacing) =>
        nifti(this.labels(masks, this.evaluatedNames), gridOf(size, spacing)),
      )
    const path = this.scanFile('labels.nii.gz')
    if (path) return new Uint8Array(readWhole(join(this.results.path, ...path)))
    return this.storedRow('masks.h5', 'masks', (masks, size, spacing) =>
      nifti(this.labels(masks, this.predictedNames), gridOf(size, spacing)),
    )
  }

  private async attention(structure: number): Promise<Uint8Array> {
    const path = this.attentionFile(structure)
    if (path) return new Uint8Array(readWhole(join(this.results.path, ...path)))
    const at = this.predictedNames.indexOf(this.results.tables.structures[structure] ?? '')
    if (at < 0) throw new InputError(`there is no structure ${structure}`)
    return this.storedRow('attention.h5', 'attention_maps', (maps, size, spacing) => {
      const voxels = sizeOf(size)
      return nifti(Float32Array.from(maps.subarray(at * voxels, (at + 1) * voxels)), gridOf(size, spacing))
    })
  }

  /** Structures in the order of the volumes of `predict`. */
  private get predictedNames(): string[] {
    return namesOf(this.results.tables.predicted)
  }

  /** Structures in the order of the masks of `evaluate`. */
  private get evaluatedNames(): string[] {
    return namesOf(this.results.tables.evaluated)
  }

  /**
   * Masks (S, H, W, D) in one volume: the label of a structure is its place among those of the results, plus 1. Where masks overlap, the structure
   * that is more probably present wins, then the last: what was drawn of an absent one hides nothing.
   */
  private labels(masks: NumericArray, names: readonly string[]): Uint8Array {
    const { structures } = this.results.tables
    const probability = new Map(this.row.structures.map(each => [each.name, each.probability]))
    const order = [...names.entries()].sort(([, a], [, b]) => (probability.get(a) ?? 0) - (probability.get(b) ?? 0))
    const voxels = masks.length / names.length
    const labels = new Uint8Array(voxels)
    for (const [s, name] of order) {
      const label = structures.indexOf(name) + 1
      if (label === 0) continue
      for (let i = 0, from = s * voxels; i < voxels; i++) if (Number(masks[from + i]) !== 0) labels[i] = label
    }
    return labels
  }

  /** The row of this case in an HDF5 file of `predict`, (S, H, W, D). */
  private async storedRow(
    name: string,
    dataset: string,
    use: (values: NumericArray, size: ImageSize, spacing: StoredSample['spacing']) => Uint8Array,
  ): Promise<Uint8Array> {
    if (!this.isStored(name)) throw new InputError(`${name}: is not there any more`)
    const sample = await this.data().then(
      data => ('sample' in data ? data.sample : undefined),
      () => undefined, // a prediction can be looked at without its scan
    )
    return withFile(join(this.results.path, name), file => {
      const samples = file.dataset('samples')
      const row = [...file.read(samples, 0, samples.shape[0]!)].findIndex(each => Number(each) === this.row.sample)
      if (row < 0) throw new InputError(`${name}: has no row of sample ${this.row.sample}`)
      const stored = file.dataset(dataset)
      const size = stored.shape.slice(2) as ImageSize
      // a sample of another size was resampled to the model's
      const spacing = [0, 1, 2].map(axis => (sample ? (sample.spacing[axis]! * sample.size[axis]!) / size[axis]! : 1))
      return use(file.read(stored, row, 1), size, spacing as StoredSample['spacing'])
    })
  }

  private isStored(name: string): boolean {
    return ownFile(this.results.path, [name]) !== undefined
  }

  /** The path below the results of a file of this case's scan; several scans have a folder each. */
  private scanFile(...names: string[]): string[] | undefined {
    const { cases } = this.results.tables
    const folder = fileNames(cases.map(({ name }) => name))[
      cases.findIndex(({ sample }) => sample === this.row.sample)
    ]!
    const places = cases.length === 1 ? [[folder, ...names], names] : [[folder, ...names]]
    return places.find(each => ownFile(this.results.path, each))
  }

  private attentionFile(structure: number): string[] | undefined {
    const name = fileNames(this.predictedNames)[structure]
    return name === undefined ? undefined : this.scanFile('attention', `${name}.nii.gz`)
  }
}

/** The volume itself, or the patch that a sample is of it. */
function cutFrom<T extends Float32Array | Uint8Array>(volume: T, whole: ImageSize, sample: StoredSample): T {
  const { patchStart, size } = sample
  if (!patchStart) return volume
  const patch = volume.slice(0, sizeOf(size)) as T
  cutPatch(volume, whole, patchStart, size, patch)
  return patch
}

function nifti(values: Uint8Array | Float32Array, grid: ScanGrid): Uint8Array {
  return Buffer.concat([...encodeNifti('volume', values, grid)])
}

/** Axes to the right, to the front and up, as datasets have them; the middle of the volume is the origin. */
function gridOf(size: ImageSize, spacing: StoredSample['spacing']): ScanGrid {
  const row = (axis: 0 | 1 | 2): number[] => {
    const middle = (-spacing[axis] * (size[axis] - 1)) / 2
    return [0, 1, 2].map(each => (each === axis ? spacing[axis] : 0)).concat(middle)
  }
  return { size, affine: [row(0), row(1), row(2)] }
}

async function withFile<T>(path: string, use: (file: Hdf5File) => T): Promise<T> {
  const file = await Hdf5File.open(path)
  try {
    return use(file)
  } finally {
    file.close()
  }
}
