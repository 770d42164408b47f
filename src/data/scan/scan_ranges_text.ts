import type { ChannelRanges, Range, ScanRanges } from './scan_ranges.ts'

/** In words, in one line. */
export function rangesText({ scans, orientations, field_of_view_mm, voxel_size_mm, intensities }: ScanRanges): string {
  const [fields, voxels] = [lengthsText(field_of_view_mm), lengthsText(voxel_size_mm)]
  const values = intensities.map(channelText).join(', ')
  return `${scans} for training, of ${fields}, voxels of ${voxels}, intensities ${values}, stored ${orientations.join(', ')}`
}

export function channelText({ low, high }: ChannelRanges): string {
  return `${rangeText(low)} to ${rangeText(high)}`
}

export function lengthsText(axes: readonly Range[]): string {
  const texts = axes.map(rangeText)
  return `${texts.join(texts.every(text => !text.includes('–')) ? '×' : ' × ')} mm`
}

function rangeText([least, most]: Range): string {
  const [from, to] = [short(least), short(most)]
  if (from === to) return from
  return least < 0 ? `${from}…${to}` : `${from}–${to}`
}

export function short(value: number): string {
  return String(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)))
}
