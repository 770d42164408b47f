import type { LabelledStructure } from '../data/import/structures.ts'
import { spacingOf, voxelVolume } from '../data/scan/spacing.ts'
import { precisionOf, recallOf } from '../evaluate/segmentation_metrics.ts'
import type { SurfaceThreads } from '../evaluate/surface_threads.ts'
import type { ScoredPair } from '../report/score.ts'
import { overlapOf } from '../run/batch_result.ts'
import { InputError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'
import type { ScanFilePair } from './cases.ts'
import { checkSameSpace, type MarkedVolume, openMarked } from './marked_volume.ts'
import { pairMasks } from './mask_pair.ts'

/** One scan to score. */
export interface ScoreCase extends ScanFilePair {
  subject: string
  structures: readonly LabelledStructure[]
  /** label value of voxels that were not annotated: they count nowhere */
  ignored?: number | undefined
}

/**
 * Measures the annotated structures of one scan, in their order. A structure without a mask file in the label, or absent from a label with
 * voxels that were not annotated, is unknown and has no entry. Throws InputError if the grids differ, or the prediction lacks a structure.
 */
export async function scoreCase(
  { name: scan, subject, truth: label, predicted, structures, ignored }: ScoreCase,
  surfaces: SurfaceThreads,
): Promise<ScoredPair[]> {
  const [truth, prediction] = [openMarked(label), openMarked(predicted.files)]
  checkSameSpace(prediction.grid, truth.grid)
  const left = ignored === undefined ? undefined : truth.voxelsOf(ignored)
  const pairs: Promise<ScoredPair>[] = []
  for (const structure of structures) {
    const masks = masksOf(structure, truth, prediction, left)
    if (!masks) continue
    const said = predicted.presence?.get(structure.name)
    const pair = measure(masks, truth, surfaces).then(
      (measured): ScoredPair => ({
        scan,
        subject,
        structure: structure.name,
        present: measured.true_voxels > 0 ? 1 : 0,
        predicted_present: (said?.isPresent ?? measured.predicted_voxels > 0) ? 1 : 0,
        presence_probability: said?.probability ?? null,
        ...measured,
      }),
    )
    pair.catch(() => undefined) // awaited below, unless the next mask cannot be read
    pairs.push(pair)
  }
  return Promise.all(pairs)
}

type Masks = readonly [truth: Uint8Array, predicted: Uint8Array]

function masksOf(
  structure: LabelledStructure,
  truth: MarkedVolume,
  prediction: MarkedVolume,
  left: Uint8Array | undefined,
): Masks | undefined {
  const own = truth.maskOf(structure)
  if (!own) return undefined
  if (left && !own.includes(1)) return undefined
  const predicted = prediction.maskOf(structure)
  if (!predicted)
    throw new InputError(
      `${prediction.grid.path}: holds no mask of '${structure.name}', expected ${structure.name}.nii.gz`,
    )
  if (left) for (let v = 0; v < left.length; v++) if (left[v]) predicted[v] = 0
  return [own, predicted]
}

type Measured = Omit<
  ScoredPair,
  'scan' | 'subject' | 'structure' | 'present' | 'predicted_present' | 'presence_probability'
>

async function measure(masks: Masks, { grid }: MarkedVolume, surfaces: SurfaceThreads): Promise<Measured> {
  const { size, truthBits, predictedBits, ...voxels } = pairMasks(...masks, grid.size)
  const isPresent = voxels.truth > 0
  const overlap = { ...overlapOf(voxels), ...voxels }
  const defined = <T>(value: T): T | null => (isPresent ? value : null)
  const isMeasurable = isPresent && voxels.predicted > 0 && sizeOf(size) > 0
  const [surface = null] = isMeasurable
    ? await surfaces.measure({
        truth: truthBits,
        predicted: predictedBits,
        size,
        spacing: spacingOf(grid.affine),
        structures: [0],
      })
    : []
  const millilitres = voxelVolume(grid.affine) / 1000
  return {
    dice: defined(overlap.hardDice),
    iou: defined(overlap.iou),
    precision: defined(precisionOf(overlap)),
    recall: defined(recallOf(overlap)),
    hd95: surface?.hd95 ?? null,
    surface_distance: surface?.mean ?? null,
    true_voxels: voxels.truth,
    predicted_voxels: voxels.predicted,
    common_voxels: voxels.both,
    true_volume_ml: voxels.truth * millilitres,
    predicted_volume_ml: voxels.predicted * millilitres,
  }
}
