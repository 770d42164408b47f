import type { RandomStream } from '../../src/util/random.ts'

/** Slices along the axis on which the field of view ends: from the first to the end (exclusive). */
export interface Window {
  start: number
  end: number
}

/** Voxels of one structure in each slice. */
export type Profile = Float64Array

/** A structure with a smaller share of its volume in a crop is absent from it. */
const ABSENT_BELOW = 0.05
/** A structure with at least this share of its volume in a crop is present. In between nobody could say: it is unknown. */
const PRESENT_FROM = 0.95

/** Share of a structure's voxels that lie in a window. The structure has voxels. */
export function shareIn(profile: Profile, { start, end }: Window): number {
  const sum = (slices: Profile): number => slices.reduce((total, count) => total + count, 0)
  return sum(profile.subarray(start, end)) / sum(profile)
}

/** 1 present, 0 absent, −1 unknown. */
export function presenceAt(share: number): 1 | 0 | -1 {
  if (share < ABSENT_BELOW) return 0
  return share >= PRESENT_FROM ? 1 : -1
}

/** Two windows of one length: a structure is absent from the first and present in the second. */
export interface WindowPair {
  lacking: Window
  keeping: Window
}

/**
 * Draws a length among those that allow both windows, then each window among those of that length. So length, and whatever padding follows
 * from it, says nothing about presence. undefined if no length allows both.
 */
export function drawPair(profile: Profile, random: RandomStream): WindowPair | undefined {
  const pairs: { lacking: Window[]; keeping: Window[] }[] = []
  for (let length = 1; length <= profile.length; length++) {
    const windows = Array.from({ length: profile.length - length + 1 }, (_, start) => ({ start, end: start + length }))
    const inState = (state: 0 | 1): Window[] => windows.filter(each => presenceAt(shareIn(profile, each)) === state)
    const [lacking, keeping] = [inState(0), inState(1)]
    if (lacking.length > 0 && keeping.length > 0) pairs.push({ lacking, keeping })
  }
  if (pairs.length === 0) return undefined
  const drawn = <T>(items: readonly T[]): T => items[random.integer(items.length)]!
  const { lacking, keeping } = drawn(pairs)
  return { lacking: drawn(lacking), keeping: drawn(keeping) }
}
