import type { CaseRow } from '../report/case_row.ts'
import type { JudgedPair, SampleFacts } from './judged_pair.ts'
import { precisionOf, recallOf } from './segmentation_figures.ts'

/** Overlap and distances of an absent structure are undefined: what was predicted of it shows as its volume. */
export function caseRow(
  { scenario, subject, spacing }: SampleFacts,
  pair: JudgedPair,
  structure: string,
  distanceUnit: CaseRow['distance_unit'],
): CaseRow {
  const { present, truth, predicted } = pair
  const defined = <T>(value: T): T | null => (present ? value : null)
  const volume = (voxels: number): number =>
    spacing ? (voxels * spacing[0] * spacing[1] * spacing[2]) / CUBIC_MILLIMETRES_PER_MILLILITRE : voxels
  return {
    sample: pair.sample,
    subject,
    scenario,
    structure,
    present: present ? 1 : 0,
    presence_probability: pair.probability,
    predicted_present: pair.isHeldPresent ? 1 : 0,
    dice: defined(pair.hardDice),
    iou: defined(pair.iou),
    precision: defined(precisionOf(pair)),
    recall: defined(recallOf(pair)),
    hd95: pair.surface?.hd95 ?? null,
    surface_distance: pair.surface?.mean ?? null,
    true_volume: volume(truth),
    predicted_volume: volume(predicted),
    distance_unit: distanceUnit,
  }
}

const CUBIC_MILLIMETRES_PER_MILLILITRE = 1000
