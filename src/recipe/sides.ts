/** How names of structures state a side. */
const SIDE = /(^|[^a-z])(left|right|lh|rh|lt|rt|l|r|sin|dex|sinister|dexter|sinistra|dextra)($|[^a-z0-9])/i

/** Whether a name states a side: left_kidney, lh-hippocampus, kidney_L; L1 is a vertebra. */
export function isSided(name: string): boolean {
  return SIDE.test(name)
}

/** Whether a mirror image of a scan has true labels, and why. */
export interface Mirroring {
  isLawful: boolean
  reason: string
}

/**
 * A left-right flip swaps structures whose names have a counterpart. It is lawful if there are such pairs and no other structure has a side.
 * Without any side in the names nothing tells whether the labels are handed.
 */
export function mirroringOf(structures: readonly { name: string; mirrored: string | null }[]): Mirroring {
  const lonely = structures.filter(({ name, mirrored }) => mirrored === null && isSided(name))
  if (lonely.length > 0)
    return { isLawful: false, reason: `a flip would make ${lonely[0]!.name} false: no structure is its mirror image` }
  const pairs = structures.filter(({ mirrored }) => mirrored !== null).length / 2
  if (pairs > 0)
    return {
      isLawful: true,
      reason: `a left-right flip swaps ${pairs === 1 ? 'the pair' : `${pairs} pairs`} of left and right structures`,
    }
  return { isLawful: false, reason: 'no name states a side, so nothing tells whether a mirror image has true labels' }
}
