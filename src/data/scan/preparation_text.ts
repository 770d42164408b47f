import type { ImageSize } from '../../util/shape.ts'
import type { IntensityRule, Preparation } from './preparation.ts'

/** In words. */
export function preparationText({ orientation, frame, image_size, intensity }: Preparation): string {
  const grid = frame.kind === 'spacing' ? `${times(frame.spacing_mm)} mm voxels` : 'the whole field of view'
  return `${orientation}, ${grid} in ${times(image_size)}; intensities: ${intensity.map(ruleText).join(', ')}`
}

/** A preparation, and the size to which its images were resampled afterwards. */
type SeenPreparation = Preparation & { seenAt: Readonly<ImageSize> }

/** What makes images of one preparation differ from those of another, as `this, not that`. The number of voxels alone makes no difference. */
export function preparationDifferences(one: SeenPreparation, other: SeenPreparation): string[] {
  const [grid, otherGrid] = [gridText(one), gridText(other)]
  const rules = (preparation: Preparation): string => preparation.intensity.map(ruleText).join(', ')
  return [
    ...(grid === otherGrid ? [] : [`${grid}, not ${otherGrid}`]),
    ...(rules(one) === rules(other) ? [] : [`intensities ${rules(one)}, not ${rules(other)}`]),
  ]
}

function gridText({ frame, image_size, seenAt }: SeenPreparation): string {
  if (frame.kind !== 'spacing') return 'the whole field of view'
  const spacing = frame.spacing_mm.map((length, axis) => (length * image_size[axis]!) / seenAt[axis]!)
  return `voxels of ${times(spacing.map(length => Number(length.toPrecision(4))))} mm`
}

function ruleText(rule: IntensityRule): string {
  switch (rule.kind) {
    case 'window':
      return `${rule.low} to ${rule.high}`
    case 'zscore':
      return `mean ± ${rule.deviations} sd`
    case 'percentile':
      return `percentiles ${rule.low} to ${rule.high}`
  }
}

function times(numbers: readonly number[]): string {
  return numbers.join('×')
}
