import { type ImageSize, sizeOf } from '../../util/shape.ts'

/** Runs of consecutive set voxels along the last axis; `lines` holds the index of each line's first run. */
interface Runs {
  first: Int32Array
  end: Int32Array // exclusive
  lines: Int32Array // (lines + 1)
}

/**
 * Clears everything in a mask (I, J, K) of 0 and 1 except its largest 26-connected component; on a tie the first stays. Returns the number of
 * voxels left. Memory: 12 bytes per run of set voxels and 4 per line.
 */
export function keepLargestComponent(mask: Uint8Array, size: ImageSize): number {
  const runs = runsOf(mask, size)
  const parents = joined(runs, size)
  const voxels = new Float64Array(parents.length) // at its root: number of voxels of a component
  for (let run = 0; run < parents.length; run++) voxels[rootOf(parents, run)]! += runs.end[run]! - runs.first[run]!
  const most = voxels.reduce((best, count, run) => (count > voxels[best]! ? run : best), 0)
  const depth = size[2]
  for (let line = 0; line + 1 < runs.lines.length; line++)
    for (let run = runs.lines[line]!; run < runs.lines[line + 1]!; run++)
      if (rootOf(parents, run) !== most) mask.fill(0, line * depth + runs.first[run]!, line * depth + runs.end[run]!)
  return voxels[most] ?? 0
}

function runsOf(mask: Uint8Array, size: ImageSize): Runs {
  const depth = size[2]
  const isStart = (v: number): boolean => mask[v] === 1 && (v % depth === 0 || mask[v - 1] === 0)
  let count = 0
  for (let v = 0; v < mask.length; v++) if (isStart(v)) count++
  const runs = {
    first: new Int32Array(count),
    end: new Int32Array(count),
    lines: new Int32Array(sizeOf(size) / depth + 1),
  }
  let run = 0
  for (let line = 0; line + 1 < runs.lines.length; line++) {
    for (let k = 0; k < depth; k++) {
      if (!isStart(line * depth + k)) continue
      runs.first[run] = k
      while (k < depth && mask[line * depth + k] === 1) k++
      runs.end[run++] = k
    }
    runs.lines[line + 1] = run
  }
  return runs
}

/** The union-find parent of each run; a component's root is its first run (path halving). */
function joined(runs: Runs, [rows, columns]: ImageSize): Int32Array {
  const parents = Int32Array.from(runs.first, (_, run) => run)
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      const line = i * columns + j
      // earlier neighbouring lines
      if (j > 0) joinLines(runs, parents, line, line - 1)
      if (i === 0) continue
      for (let other = Math.max(0, j - 1); other <= Math.min(columns - 1, j + 1); other++)
        joinLines(runs, parents, line, (i - 1) * columns + other)
    }
  return parents
}

/** Joins runs of two lines that touch, including at corners. */
function joinLines({ first, end, lines }: Runs, parents: Int32Array, a: number, b: number): void {
  let [one, other] = [lines[a]!, lines[b]!]
  while (one < lines[a + 1]! && other < lines[b + 1]!) {
    if (first[one]! <= end[other]! && first[other]! <= end[one]!) {
      const [x, y] = [rootOf(parents, one), rootOf(parents, other)]
      parents[Math.max(x, y)] = Math.min(x, y)
    }
    if (end[one]! < end[other]!) one++
    else other++
  }
}

function rootOf(parents: Int32Array, run: number): number {
  let at = run
  while (parents[at] !== at) {
    parents[at] = parents[parents[at]!]!
    at = parents[at]!
  }
  return at
}
