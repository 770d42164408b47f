import { cutPatch } from '../data/scan/patches.ts'
import { type ImageSize, sizeOf } from '../util/shape.ts'
import type { BadSubjects } from './bad_subjects.ts'
import type { Subject, SubjectPlace, Subjects } from './subjects.ts'
import { windowsOver } from './windows.ts'

/** One input of the model: a window of a subject, possibly mirrored. */
export interface ModelInput {
  subject: SubjectPlace
  /** all windows of the subject */
  corners: readonly ImageSize[]
  corner: ImageSize
  /** axes along which it is mirrored */
  flip: readonly number[]
  /** whether it is the first, or the last, of its subject */
  isFirst: boolean
  isLast: boolean
}

export interface ModelInputBatch {
  images: Float32Array // (N, C, H, W, D)
  /** at most N; the rest of `images` is zero */
  passes: ModelInput[]
  /** number of the model that they are for */
  model: number
}

/** A run of subjects: `from` … `to` − 1. */
export interface Share {
  from: number
  to: number
}

/** How a subject is divided into inputs. */
export interface PassPlan {
  /** the subjects to predict */
  share: Share
  window: ImageSize
  channels: number
  /** fraction of a window that the next one covers again */
  overlap: number
  /** sets of axes; each is one pass */
  flips: readonly (readonly number[])[]
  /** number of models that predict each subject */
  models: number
}

/**
 * All inputs in order: by group of subjects, by model, by subject, then by window, then by flip. The next batch reuses `images`. Subjects
 * that cannot be read go to `bad`.
 */
export async function* passesOf(
  subjects: Subjects,
  plan: PassPlan,
  batchSize: number,
  bad: BadSubjects,
): AsyncGenerator<ModelInputBatch> {
  const length = plan.channels * sizeOf(plan.window)
  const images = new Float32Array(batchSize * length)
  for (const group of groupsOf(readableOf(subjects, plan.share, bad), plan, batchSize))
    for (let model = 0; model < plan.models; model++) {
      let passes: ModelInput[] = []
      for (const subject of group)
        for (const fill of subjectPasses(subject, plan)) {
          const start = passes.length * length
          passes.push(fill(images.subarray(start, start + length)))
          if (passes.length < batchSize) continue
          yield { images, passes, model }
          passes = []
        }
      if (passes.length === 0) continue
      images.fill(0, passes.length * length)
      yield { images, passes, model }
    }
}

/**
 * One model gets all subjects, each read when its turn comes. Several get them in groups that stay in memory until the last model is
 * through: as few subjects as fill a batch, because a change of models ends a batch.
 */
function* groupsOf(
  subjects: Iterable<Subject>,
  { models, window, overlap, flips }: PassPlan,
  batchSize: number,
): Generator<Iterable<Subject>> {
  if (models === 1) return yield subjects
  let [group, passes]: [Subject[], number] = [[], 0]
  for (const subject of subjects) {
    group.push(subject)
    passes += windowsOver(subject.frame.size, window, overlap).length * flips.length
    if (passes < batchSize) continue
    yield group
    group = []
    passes = 0
  }
  if (group.length > 0) yield group
}

function* readableOf(subjects: Subjects, { from, to }: Share, bad: BadSubjects): Generator<Subject> {
  for (let index = from; index < to; index++) {
    const read = subjectAt(subjects, index, bad)
    if (read) yield read
  }
}

function subjectAt(subjects: Subjects, index: number, bad: BadSubjects): Subject | undefined {
  try {
    return subjects.read(index)
  } catch (error) {
    bad.add(index, error)
    return undefined
  }
}

/** The passes of a subject. Fill each one in before requesting the next. */
function* subjectPasses(
  { volume, ...subject }: Subject,
  { window, channels, overlap, flips }: PassPlan,
): Generator<(image: Float32Array) => ModelInput> {
  const grid = subject.frame.size
  const corners = windowsOver(grid, window, overlap)
  const [from, to] = [sizeOf(grid), sizeOf(window)]
  const cut = new Float32Array(channels * to)
  for (const [n, corner] of corners.entries()) {
    for (let c = 0; c < channels; c++)
      cutPatch(volume.subarray(c * from, (c + 1) * from), grid, corner, window, cut.subarray(c * to, (c + 1) * to))
    for (const [f, flip] of flips.entries())
      yield image => {
        mirror(cut, window, flip, image)
        const isFirst = n === 0 && f === 0
        const isLast = n === corners.length - 1 && f === flips.length - 1
        return { subject, corners, corner, flip, isFirst, isLast }
      }
  }
}

/** All subsets of these axes, the empty one first: for [0, 1] none, 0, 1, both. */
export function flipsOver(axes: readonly number[]): number[][] {
  return Array.from({ length: 2 ** axes.length }, (_, set) => axes.filter((_, i) => (set >> i) & 1))
}

/** Mirrors volumes (N, H, W, D) along `axes` into `target`. It is its own inverse. */
export function mirror(source: Float32Array, size: ImageSize, axes: readonly number[], target: Float32Array): void {
  const [height, width, depth] = size
  const volume = sizeOf(size)
  const place = (axis: number, index: number): number => (axes.includes(axis) ? size[axis]! - 1 - index : index)
  for (let start = 0; start < source.length; start += volume)
    for (let h = 0; h < height; h++)
      for (let w = 0; w < width; w++) {
        const from = start + (place(0, h) * width + place(1, w)) * depth
        const to = start + (h * width + w) * depth
        const line = source.subarray(from, from + depth)
        target.set(line, to)
        if (axes.includes(2)) target.subarray(to, to + depth).reverse()
      }
}
