import { AXIS_DIVISOR, divisible, type ImageSize, sizeOf } from '../util/shape.ts'
import type { Fingerprint } from './fingerprint_schema.ts'
import type { Material, SampleForm } from './material.ts'
import type { SampleTime } from './sample_time.ts'

type Triple = [number, number, number]

/** A form of samples to choose from. Lengths are in the fingerprint's unit. */
export interface Candidate {
  form: SampleForm
  spacing: Triple
  /** of a sample */
  voxels: number
  /** voxels that a model must see to see every structure of a scan once */
  scanVoxels: number
  /** share of a sample that lies outside the needed box; 0 for patches */
  padding: number
  /** Dice that masks lose on this grid, compared with that of the scans */
  resolutionLoss: number
}

/** Scan voxels around the structures that a frame should hold too: the network then sees where they end. */
const MARGIN = 3
/** Finer steps of a spacing would mean nothing. */
const SPACING_STEP = 0.01
/**
 * Boundaries move by this share of what a voxel is longer than the scans'. Masks that are resampled to the grid and back lose three times as
 * much; a network's probabilities, interpolated, place the boundary between the voxels.
 */
const BOUNDARY_SHIFT = 0.1
/** No frame or patch has more along an axis. */
const LONGEST = 320
const PATCH_VOXELS = [32, 48, 64, 96, 128].map(edge => edge ** 3)
const PATCH_FACTORS = [1, 1.5, 2, 3, 4]

/** The lengths that a frame must hold: every structure of every scan with a margin, but no more than the largest scan. */
export function neededExtent({ reach, extent, spacing }: Fingerprint): Triple {
  return [0, 1, 2].map(axis =>
    Math.min(reach[axis]!.greatest + 2 * MARGIN * spacing[axis]!.median, extent[axis]!.greatest),
  ) as Triple
}

/** Every form that samples could take, without regard to time and memory. */
export function candidatesFor({ fingerprint, stored }: Pick<Material, 'fingerprint' | 'stored'>): Candidate[] {
  if (!stored) return [...frames(fingerprint), ...patches(fingerprint)]
  const sizes = stored.patches ? [divisible(stored.size) as ImageSize] : resampledSizes(stored.size)
  return sizes.map(size => {
    const spacing = size.map((to, axis) => (fingerprint.spacing[axis]!.median * stored.size[axis]!) / to) as Triple
    const form = { size, frame: undefined, patchStride: undefined }
    return candidate(fingerprint, form, spacing, sizeOf(size))
  })
}

/** The sizes, divisible by 16, to which a dataset's samples could be resampled, its own among them. */
function resampledSizes(stored: ImageSize): ImageSize[] {
  return combinations(divisible(stored).map(length => multiples(length)) as [number[], number[], number[]])
}

/** For every size divisible by 16 the finest spacing at which it holds the needed box, but none finer than the scans'. */
function frames(fingerprint: Fingerprint): Candidate[] {
  const need = neededExtent(fingerprint)
  const native = nativeSpacing(fingerprint)
  const lengths = need.map((length, axis) => multiples(Math.min(LONGEST, roundedUp(length / native[axis]!))))
  return combinations(lengths as [number[], number[], number[]]).map(size => {
    const spacing = size.map((count, axis) => spacingFor(need[axis]!, count, native[axis]!)) as Triple
    const form: SampleForm = { size, frame: { kind: 'spacing', spacing_mm: spacing }, patchStride: undefined }
    return candidate(fingerprint, form, spacing, sizeOf(size))
  })
}

function spacingFor(need: number, count: number, native: number): number {
  const spacing = Math.ceil(need / count / SPACING_STEP - 1e-6) * SPACING_STEP
  return Number(Math.max(native, spacing).toPrecision(6))
}

/** Patches at several spacings, each as cubic in millimetres as the scans allow. */
function patches(fingerprint: Fingerprint): Candidate[] {
  const native = nativeSpacing(fingerprint)
  const found = new Map<string, Candidate>()
  for (const factor of PATCH_FACTORS) {
    const target = factor * Math.min(...native)
    const spacing = native.map(length => Number(Math.max(length, target).toPrecision(6))) as Triple
    const scan = fingerprint.extent.map(({ median }, axis) => median / spacing[axis]!)
    const most = scan.map(length => Math.max(AXIS_DIVISOR, Math.floor(length / AXIS_DIVISOR) * AXIS_DIVISOR))
    for (const voxels of PATCH_VOXELS) {
      const size = cubic(spacing, most, voxels)
      const form: SampleForm = {
        size,
        frame: { kind: 'spacing', spacing_mm: spacing },
        patchStride: size.map(length => length / 2) as ImageSize,
      }
      found.set(`${size} ${spacing}`, candidate(fingerprint, form, spacing, Math.max(sizeOf(scan), sizeOf(size))))
    }
  }
  return [...found.values()]
}

/** Grows the axis that is shortest in millimetres, until the next step would take more than `voxels`. */
function cubic(spacing: Triple, most: readonly number[], voxels: number): ImageSize {
  const size: ImageSize = [AXIS_DIVISOR, AXIS_DIVISOR, AXIS_DIVISOR]
  const order = [0, 1, 2]
  for (;;) {
    const growing = order
      .filter(
        axis => size[axis]! < most[axis]! && (sizeOf(size) / size[axis]!) * (size[axis]! + AXIS_DIVISOR) <= voxels,
      )
      .sort((a, b) => size[a]! * spacing[a]! - size[b]! * spacing[b]!)
    if (growing.length === 0) return size
    size[growing[0]!]! += AXIS_DIVISOR
  }
}

function candidate(fingerprint: Fingerprint, form: SampleForm, spacing: Triple, scanVoxels: number): Candidate {
  const need = neededExtent(fingerprint)
  const filled = form.size.map((count, axis) => Math.min(1, need[axis]! / (count * spacing[axis]!)))
  return {
    ...{ form, spacing, scanVoxels },
    voxels: sizeOf(form.size),
    padding: form.patchStride ? 0 : 1 - sizeOf(filled),
    resolutionLoss: resolutionLoss(fingerprint, spacing),
  }
}

/**
 * Mean over the structures. A boundary across an axis moves in proportion to what a voxel is longer than the scans' along it, and Dice loses
 * the volume between both boundaries, divided by the volume of both masks.
 */
function resolutionLoss({ structures, spacing: own }: Fingerprint, spacing: Triple): number {
  const losses = structures.flatMap(({ faces, volume }) => {
    if (!faces || !volume) return []
    const moved = faces.reduce(
      (sum, area, axis) => sum + area * BOUNDARY_SHIFT * Math.max(0, spacing[axis]! - own[axis]!.median),
      0,
    )
    return [Math.min(1, moved / (2 * volume.median))]
  })
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length
}

function nativeSpacing({ spacing }: Fingerprint): Triple {
  return spacing.map(({ median }) => median) as Triple
}

function roundedUp(length: number): number {
  return Math.ceil(length / AXIS_DIVISOR - 1e-6) * AXIS_DIVISOR
}

function multiples(most: number): number[] {
  return Array.from({ length: Math.max(1, most / AXIS_DIVISOR) }, (_, k) => (k + 1) * AXIS_DIVISOR)
}

function combinations([rows, columns, slices]: [number[], number[], number[]]): ImageSize[] {
  return rows.flatMap(h => columns.flatMap(w => slices.map((d): ImageSize => [h, w, d])))
}

/** Dice that a model still misses after it has seen N samples: this over √N, as runs on the Decathlon's hippocampus had it. */
const LEARNING = 2.9
/** Patches show less around a structure, and their position in the body is unknown to the network. */
const PATCH_LOSS = 0.02

/** How long a run is, and how long it takes for a sample. */
export interface TimeFor {
  seconds: number
  sample: SampleTime
  /** scans to learn from */
  scans: number
}

/** Passes over the same scans after which further ones teach next to nothing: time is then better spent on finer voxels. */
const USEFUL_PASSES = 250

/** The Dice that a run is expected to miss: by resolution, by time, by patches. */
export function expectedLoss(candidate: Candidate, { seconds, sample, scans }: TimeFor): number {
  const { voxels, scanVoxels, form, resolutionLoss } = candidate
  const secondsPerScan = (sample.secondsFor(voxels) * scanVoxels) / voxels
  const seen = Math.max(1, Math.min(seconds / secondsPerScan, USEFUL_PASSES * scans))
  return resolutionLoss + LEARNING / Math.sqrt(seen) + (form.patchStride ? PATCH_LOSS : 0)
}

/** The candidates, the best first. */
export function ranked(candidates: readonly Candidate[], time: TimeFor): Candidate[] {
  const losses = new Map(candidates.map(each => [each, expectedLoss(each, time)]))
  return [...candidates].sort((a, b) => losses.get(a)! - losses.get(b)! || a.voxels - b.voxels)
}
