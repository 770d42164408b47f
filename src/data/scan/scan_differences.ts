import type { Preparation } from './preparation.ts'
import type { ChannelRanges, Range, ScanRanges } from './scan_ranges.ts'
import { channelText, lengthsText, short } from './scan_ranges_text.ts'

/** Anatomy zoomed by up to this factor passes: nnU-Net zooms its training samples by 0.7 to 1.4, about as much as bodies differ. */
export const ZOOM_FACTOR = 1.5
/**
 * Fields of view outside the training scans' range by up to these factors pass. Where the whole field becomes the sample, its size zooms the
 * anatomy; at a constant spacing it only decides what else is in view.
 */
const EXTENT_FACTOR = { field_of_view: ZOOM_FACTOR, spacing: 2 } as const
/** Likewise of voxel sizes: slices of 5 mm and 3 mm occur in one dataset, and the model's grid blurs what is finer. */
const VOXEL_FACTOR = 2
/** Degrees. Scanners angle a stack of slices by 10 to 20, and so do people their heads. */
const TILT = 20
/**
 * Fraction of the window from 0 to 255. A cropped body, or one with more bone, moves an end of its intensities by less; another unit or
 * modality by more.
 */
const WINDOW_SHARE = 0.25
/**
 * Fraction of a scan's intensities by which the place of 0 may move. Most of a CT lies below 0 (air) and nothing of an MR does; scans of
 * one modality agree to about 0.2.
 */
const ZERO_SHARE = 0.35

/**
 * In which respects scans are unlike those of a training, one line per kind, with both figures; `whose` introduces the second. None if they
 * are alike, up to tolerances within which ordinary scans differ. Storage order is no difference, because scans are reoriented.
 */
export function scanDifferences(
  scans: ScanRanges,
  trained: ScanRanges,
  preparation: Preparation,
  whose: string,
): string[] {
  return [
    ...extentLines(scans, trained, EXTENT_FACTOR[preparation.frame.kind], whose),
    ...voxelLines(scans, trained, preparation, whose),
    ...tiltLines(scans, trained, whose),
    ...preparation.intensity.flatMap((rule, c) => {
      const [own, other] = [scans.intensities[c], trained.intensities[c]]
      if (!own || !other || !areUnlike(own, other, rule)) return []
      const channel = preparation.intensity.length > 1 ? `channel ${c}: ` : ''
      return [`${channel}intensities ${channelText(own)} (percentiles 0.5 to 99.5); ${whose} ${channelText(other)}`]
    }),
  ]
}

function extentLines(
  { field_of_view_mm: own }: ScanRanges,
  { field_of_view_mm: other }: ScanRanges,
  factor: number,
  whose: string,
): string[] {
  if (own.every((each, axis) => isWithin(each, other[axis]!, factor))) return []
  return [`field of view ${lengthsText(own)}; ${whose} ${lengthsText(other)}`]
}

/** What is finer than the grid of the samples has no part in them. */
function voxelLines(
  { voxel_size_mm: own }: ScanRanges,
  { voxel_size_mm: other, field_of_view_mm: extents }: ScanRanges,
  { frame, image_size }: Preparation,
  whose: string,
): string[] {
  const isAlike = own.every((each, axis) => {
    const grid = frame.kind === 'spacing' ? frame.spacing_mm[axis]! : extents[axis]![0] / image_size[axis]!
    const blurred = ([least, most]: Range): Range => [Math.max(least, grid), Math.max(most, grid)]
    return isWithin(blurred(each), blurred(other[axis]!), VOXEL_FACTOR)
  })
  return isAlike ? [] : [`voxels of ${lengthsText(own)}; ${whose} ${lengthsText(other)}`]
}

function tiltLines(scans: ScanRanges, trained: ScanRanges, whose: string): string[] {
  const [own, other] = [scans.tilt_degrees[1], trained.tilt_degrees[1]]
  if (own <= other + TILT) return []
  const text = (tilt: number, { orientations }: ScanRanges) => `${short(tilt)}° (${orientations.join(', ')})`
  return [`axes tilted by ${text(own, scans)}; ${whose} up to ${text(other, trained)}`]
}

export function isWithin([least, most]: Range, [lowest, highest]: Range, factor: number): boolean {
  return least >= lowest / factor && most <= highest * factor
}

function areUnlike(own: ChannelRanges, other: ChannelRanges, rule: Preparation['intensity'][number]): boolean {
  if (own.zero && other.zero && isBeyond(own.zero, other.zero, ZERO_SHARE)) return true
  if (rule.kind !== 'window') return false // the rule removes the unit
  const clipped = (values: Range) => values.map(value => Math.min(Math.max(value, rule.low), rule.high)) as Range
  const tolerance = WINDOW_SHARE * (rule.high - rule.low)
  return (['low', 'high'] as const).some(end => isBeyond(clipped(own[end]), clipped(other[end]), tolerance))
}

function isBeyond([least, most]: Range, [lowest, highest]: Range, tolerance: number): boolean {
  return least < lowest - tolerance || most > highest + tolerance
}
