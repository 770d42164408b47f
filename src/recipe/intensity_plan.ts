import type { ChannelRule } from '../data/import/intensity_rules.ts'
import { DEFAULT_INTENSITY } from '../data/scan/intensity.ts'
import type { Fingerprint, FingerprintChannel } from './fingerprint_schema.ts'

export interface PlannedIntensity extends ChannelRule {
  reason: string
}

/** A rule per channel: CT gets one window for all scans, whose unit is the same everywhere; every other scan is scaled by its own percentiles. */
export function intensityRulesFor({ channels }: Fingerprint): PlannedIntensity[] {
  return channels.map((channel, c) => ({ ...(channels.length > 1 && { channel: String(c) }), ...ruleFor(channel) }))
}

function ruleFor({ modality, modality_from, in_structures }: FingerprintChannel): Omit<PlannedIntensity, 'channel'> {
  const { low, high } = DEFAULT_INTENSITY
  const window = in_structures && {
    low: Math.round(in_structures.percentiles[String(low)]!),
    high: Math.round(in_structures.percentiles[String(high)]!),
  }
  if (modality === 'CT' && window && window.high > window.low)
    return {
      rule: { kind: 'window', ...window },
      reason: `CT (from ${modality_from}): Hounsfield units mean the same in every scan; percentiles ${low} and ${high} of the voxels in structures`,
    }
  const known = modality === 'unknown' ? `modality unknown (${modality_from})` : `${modality} (from ${modality_from})`
  return {
    rule: DEFAULT_INTENSITY,
    reason: `${known}: units differ from scan to scan, so each is scaled by its own percentiles, which a few bright voxels do not move`,
  }
}
