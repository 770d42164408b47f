import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/checkpoint/fields.ts'
import { keepLargestComponent } from '../../src/data/scan/components.ts'
import { Frame } from '../../src/data/scan/frame.ts'
import type { Affine } from '../../src/data/scan/grid.ts'
import type { FrameRule } from '../../src/data/scan/preparation.ts'
import type { ScanGrid } from '../../src/data/scan/scan.ts'
import { scanGroups } from '../../src/data/scan/scan_groups.ts'
import { Aggregator } from '../../src/predict/aggregator.ts'
import { flipsOver, mirror } from '../../src/predict/inputs.ts'
import { LabelVolume, makeMask, ontoScan } from '../../src/predict/masks.ts'
import type { RawOutputs } from '../../src/predict/subject_prediction.ts'
import { VolumeStore } from '../../src/predict/volume_store.ts'
import { WindowBlend, windowStarts, windowsOver } from '../../src/predict/windows.ts'
import { openTrainedModel } from '../../src/run/open_model.ts'
import { InputError } from '../../src/util/error.ts'
import { fileNames } from '../../src/util/files/file_names.ts'
import { StagedResults } from '../../src/util/files/staged_results.ts'
import { RandomStream } from '../../src/util/random.ts'
import { type ImageSize, sizeOf } from '../../src/util/shape.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { writeSmallModel } from './small_model.ts'

const folder = temporaryDirectory()
const random = new RandomStream({ seed: 7, operation: 1 })
const uniform = (length: number): Float32Array => Float32Array.from({ length }, () => random.uniform())

describe('the largest component', () => {
  /** By flooding from each voxel in turn, over all 26 neighbours. */
  function flooded(mask: Uint8Array, [rows, columns, depth]: ImageSize): Uint8Array {
    const seen = new Uint8Array(mask.length)
    let best: number[] = []
    for (let v = 0; v < mask.length; v++) {
      if (!mask[v] || seen[v]) continue
      const component = [v]
      seen[v] = 1
      for (let at = 0; at < component.length; at++) {
        const from = component[at]!
        const [i, j, k] = [Math.floor(from / (columns * depth)), Math.floor(from / depth) % columns, from % depth]
        for (let a = i - 1; a <= i + 1; a++)
          for (let b = j - 1; b <= j + 1; b++)
            for (let c = k - 1; c <= k + 1; c++) {
              if (a < 0 || b < 0 || c < 0 || a >= rows || b >= columns || c >= depth) continue
              const to = (a * columns + b) * depth + c
              if (!mask[to] || seen[to]) continue
              seen[to] = 1
              component.push(to)
            }
      }
      if (component.length > best.length) best = component
    }
    const left = new Uint8Array(mask.length)
    for (const v of best) left[v] = 1
    return left
  }

  // 26 neighbours percolate at a tenth of the voxels: below it there are many components, above it few
  test.each([0.02, 0.06, 0.1, 0.3, 0.9])('of noise with a share of %f set is what flooding finds', share => {
    for (const size of [
      [13, 11, 9],
      [1, 20, 17],
      [20, 1, 1],
      [1, 1, 30],
    ] as ImageSize[]) {
      const mask = Uint8Array.from(uniform(sizeOf(size)), value => Number(value < share))
      const expected = flooded(mask, size)
      const voxels = keepLargestComponent(mask, size)
      expect([...mask]).toStrictEqual([...expected])
      expect(voxels).toBe(expected.reduce((sum, value) => sum + value, 0))
    }
  })

  test('of nothing is nothing, and of a whole volume all of it', () => {
    const empty = new Uint8Array(24)
    expect(keepLargestComponent(empty, [2, 3, 4])).toBe(0)
    expect(keepLargestComponent(new Uint8Array(24).fill(1), [2, 3, 4])).toBe(24)
  })
})

describe('windows', () => {
  test('cover an axis from end to end, at least as close as asked', () => {
    expect(windowStarts(16, 16, 0.5)).toStrictEqual([0])
    expect(windowStarts(17, 16, 0)).toStrictEqual([0, 1])
    expect(windowStarts(32, 16, 0.5)).toStrictEqual([0, 8, 16])
    for (const length of [16, 31, 40, 97])
      for (const overlap of [0, 0.3, 0.5, 0.99]) {
        const starts = windowStarts(length, 16, overlap)
        expect([starts[0], starts.at(-1)]).toStrictEqual([0, length - 16])
        const strides = starts.slice(1).map((start, i) => start - starts[i]!)
        expect(Math.max(0, ...strides)).toBeLessThanOrEqual(Math.max(1, Math.ceil(16 * (1 - overlap))))
      }
  })

  test.each([
    ['memory', Number.POSITIVE_INFINITY],
    ['a file', 0],
  ])('blend as their Gaussian mean does, volumes lying in %s', (where, limit) => {
    const [grid, window, structures] = [[20, 9, 13] as ImageSize, [8, 6, 8] as ImageSize, 2]
    const corners = windowsOver(grid, window, 0.5)
    const values = corners.map(() => uniform(structures * sizeOf(window)))
    const path = join(folder, `blend in ${where}`)
    const store = new VolumeStore(structures, grid, path, limit)
    const blend = new WindowBlend(grid, window, corners, store)
    for (const [i, corner] of corners.entries()) blend.add(corner, values[i]!)
    blend.finish()
    expect(existsSync(path)).toBe(limit === 0)

    const weight = (i: number, length: number): number =>
      Math.exp(-((i - (length - 1) / 2) ** 2) / (2 * (length / 8) ** 2))
    for (let s = 0; s < structures; s++) {
      const sums = new Float64Array(sizeOf(grid))
      const weights = new Float64Array(sizeOf(grid))
      for (const [n, [h0, w0, d0]] of corners.entries())
        for (let h = 0; h < window[0]; h++)
          for (let w = 0; w < window[1]; w++)
            for (let d = 0; d < window[2]; d++) {
              const to = ((h0 + h) * grid[1] + w0 + w) * grid[2] + d0 + d
              const own = weight(h, window[0]) * weight(w, window[1]) * weight(d, window[2])
              sums[to]! += own * values[n]![((s * window[0] + h) * window[1] + w) * window[2] + d]!
              weights[to]! += own
            }
      const found = store.volume(s)
      for (let v = 0; v < found.length; v++) expect(Math.abs(found[v]! - sums[v]! / weights[v]!)).toBeLessThan(1e-6)
    }
    store.close()
    expect(existsSync(path)).toBe(false)
  })
})

test('subjects are gathered to the same bits in memory and in files, which are gone behind each', () => {
  const [window, grid] = [[16, 16, 16] as ImageSize, [24, 16, 20] as ImageSize]
  const names = ['segmentation_probs', 'attention_maps'] as const
  const corners = windowsOver(grid, window, 0.5)
  const flips = flipsOver([0])
  const affine: Affine = [
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, 0],
  ]
  const place: ScanGrid = { size: grid, affine }
  const subject = {
    index: 0,
    name: '',
    frame: new Frame(place, { kind: 'field_of_view' }, grid),
    grid: place,
    millilitres: 1,
    warnings: [],
  }
  const passes = corners.flatMap(corner => flips.map(flip => ({ corner, flip })))
  const outputs = [0, 1].map(() =>
    passes.map(() => {
      const [segmentation_probs, attention_maps] = [uniform(2 * 4096), uniform(2 * 4096)]
      return { segmentation_probs, attention_maps, presence_probs: uniform(2) } as unknown as RawOutputs
    }),
  )
  const at = join(folder, 'gathered')
  mkdirSync(at)
  const results = new StagedResults(at)
  const stage = join(at, readdirSync(at)[0]!)
  const gathered = (memoryLimit: number, files: number): number[][] => {
    const scratch = (name: string): string => results.scratch(name)
    const setting = { structures: 2, window, names, partners: [1, 0], flips: 2, scratch, memoryLimit }
    const aggregator = new Aggregator(setting)
    const found = outputs.flatMap(own =>
      passes.flatMap(({ corner, flip }, i) => {
        const pass = { subject, corners, corner, flip, isFirst: i === 0, isLast: i === passes.length - 1 }
        const prediction = aggregator.add(pass, own[i]!)
        expect(prediction === undefined).toBe(!pass.isLast)
        expect(readdirSync(stage)).toHaveLength(files)
        if (!prediction) return []
        return [
          Array.from(prediction.presence),
          ...names.flatMap(name => [0, 1].map(s => [...prediction.volume(name, s)])),
        ]
      }),
    )
    aggregator.close()
    expect(readdirSync(stage)).toStrictEqual([])
    return found
  }
  const inMemory = gathered(Number.POSITIVE_INFINITY, 0)
  expect(inMemory).toHaveLength(2 * 5)
  expect(gathered(0, 2)).toStrictEqual(inMemory)
  results.abandon()
  expect(readdirSync(at)).toStrictEqual([])
})

describe('flips', () => {
  test('are all sets of axes, and each undoes itself', () => {
    expect(flipsOver([])).toStrictEqual([[]])
    expect(flipsOver([0, 2])).toStrictEqual([[], [0], [2], [0, 2]])
    const size: ImageSize = [3, 4, 5]
    const values = uniform(2 * 60)
    for (const axes of flipsOver([0, 1, 2])) {
      const [there, back] = [new Float32Array(120), new Float32Array(120)]
      mirror(values, size, axes, there)
      mirror(there, size, axes, back)
      expect([...back]).toStrictEqual([...values])
      const [h, w, d] = [0, 1, 2].map(axis => (axes.includes(axis) ? size[axis]! - 1 : 0)) as ImageSize
      expect(there[60]).toBe(values[60 + (h * 4 + w) * 5 + d])
    }
  })
})

test('a checkpoint says what training flipped', () => {
  const path = join(folder, 'flipped.pth')
  const axesOf = (augmentation: Json, compat = 'documented'): readonly number[] | undefined => {
    writeSmallModel(path, ['a'], { size: [16, 16, 16], inChannels: 1 }, { config: { augmentation, compat } })
    return openTrainedModel(path).flipAxes
  }
  const augmentation = { enabled: true, flip_probability: 0.3, flip_axes: [0, 2] }
  expect(axesOf(augmentation)).toStrictEqual([0, 2])
  expect(axesOf(augmentation, 'reference')).toStrictEqual([])
  expect(axesOf({ ...augmentation, enabled: false })).toStrictEqual([])
  expect(axesOf({ ...augmentation, flip_probability: 0 })).toStrictEqual([])
  expect(axesOf({})).toBeUndefined()
})

describe('masks on the grid of a scan', () => {
  // to the back, to the left, up; 2, 1.5 and 3 mm, a little oblique
  const affine: Affine = [
    [0.1, -1.5, 0, 40],
    [-2, 0.1, 0, 7],
    [0, 0, 3, -3],
  ]
  const size: ImageSize = [12, 18, 10]
  const rules: FrameRule[] = [{ kind: 'field_of_view' }, { kind: 'spacing', spacing_mm: [2, 1, 2] }]

  test.each(rules)('are those of the whole volume brought there ($kind)', rule => {
    const frame = new Frame({ size, affine }, rule, [16, 16, 16])
    const volumes = [uniform(4096), uniform(4096).map(p => p * 0.8), uniform(4096).map(p => (p > 0.7 ? 0.9 : 0))]
    const expected = volumes.map(volume => frame.imageToScan(volume))
    const labels = new LabelVolume(frame, size, s => volumes[s]!)
    for (const [s, volume] of volumes.entries()) {
      const found = new Float32Array(sizeOf(size))
      ontoScan(frame, volume, found)
      expect([...found]).toStrictEqual([...expected[s]!])
      const mask = new Uint8Array(sizeOf(size)).fill(9)
      const voxels = makeMask({ frame, size, volume: () => volume, isPresent: true, isLargestComponent: false }, mask)
      expect([...mask]).toStrictEqual(Array.from(expected[s]!, p => Number(p > 0.5)))
      expect(voxels).toBe(mask.reduce((sum, value) => sum + value, 0))
      expect(voxels).toBeGreaterThan(0)
      labels.add(s, mask)
    }
    const highest = Array.from(labels.labels, (_, v) => {
      const claims = expected.map(values => (values[v]! > 0.5 ? values[v]! : 0))
      const most = Math.max(...claims)
      return most > 0 ? claims.indexOf(most) + 1 : 0
    })
    expect([...labels.labels]).toStrictEqual(highest)
    expect(new Set(highest)).toStrictEqual(new Set([0, 1, 2, 3]))
  })

  test('of an absent structure are empty, and what is not the largest component is cut off the labels too', () => {
    const frame = new Frame({ size, affine }, rules[0]!, [16, 16, 16])
    const volume = new Float32Array(4096)
    volume.fill(1, 0, 64).fill(1, 4000, 4020)
    const mask = new Uint8Array(sizeOf(size)).fill(1)
    const make = (isPresent: boolean, isLargestComponent: boolean): number =>
      makeMask({ frame, size, volume: () => volume, isPresent, isLargestComponent }, mask)
    expect(make(false, false)).toBe(0)
    expect(mask.includes(1)).toBe(false)
    const all = make(true, false)
    expect(make(true, true)).toBeLessThan(all)
    const labels = new LabelVolume(frame, size, () => volume)
    labels.add(0, mask)
    expect([...labels.labels]).toStrictEqual([...mask])
  })

  test('at the native grid go there and back unchanged', () => {
    const oriented: ImageSize = [18, 12, 10]
    const spacing_mm = [Math.hypot(1.5, 0.1), Math.hypot(2, 0.1), 3] as ImageSize
    for (const rule of [{ kind: 'field_of_view' }, { kind: 'spacing', spacing_mm }] as const) {
      const frame = new Frame({ size, affine }, rule, oriented)
      const mask = Uint8Array.from(uniform(sizeOf(size)), p => Number(p > 0.5))
      const there = new Float32Array(sizeOf(size))
      frame.labelsToModel(mask, there)
      const back = new Uint8Array(sizeOf(size))
      makeMask({ frame, size, volume: () => there, isPresent: true, isLargestComponent: false }, back)
      expect([...back]).toStrictEqual([...mask])
    }
  })
})

test('names of files are safe and differ on every file system', () => {
  expect(
    fileNames(['left kidney', 'Liver', 'liver', 'liver_2', '../../etc', '', 'CON', 'nul.x', 'a/b', 'Ä']),
  ).toStrictEqual(['left_kidney', 'Liver', 'liver_2', 'liver_2_2', '__.._etc', '_', '_CON', '_nul.x', 'a_b', 'Ä'])
  const long = fileNames(['x'.repeat(300), `${'x'.repeat(300)}y`])
  expect(long[0]).not.toBe(long[1])
  expect(Math.max(...long.map(name => name.length))).toBeLessThan(110)
})

describe('scans among files', () => {
  const at = (name: string, files: readonly string[]): string => {
    const path = join(folder, name)
    mkdirSync(path)
    for (const file of files) writeFileSync(join(path, file), '')
    return path
  }
  const namesOf = (paths: string[], channels: number) =>
    scanGroups(paths, channels).map(({ name, paths: files }) => `${name}: ${files.length}`)
  const faults = (paths: string[], channels: number) => scanGroups(paths, channels).map(({ fault }) => fault)
  const refusal = (paths: string[], channels: number): string => {
    try {
      scanGroups(paths, channels)
    } catch (error) {
      if (error instanceof InputError) return error.message
    }
    return 'nothing was refused'
  }

  test('are grouped by channel where the model reads several', () => {
    const path = at('nnunet', ['b_0000.nii.gz', 'a_0001.nii', 'a_0000.nii', 'b_0001.nii.gz', '.hidden.nii', 'note.txt'])
    expect(namesOf([path], 2)).toStrictEqual(['a: 2', 'b: 2'])
    expect(namesOf([path], 1)).toStrictEqual(['a: 1', 'a_0001: 1', 'b: 1', 'b_0001: 1'])
    expect(faults([path], 2)).toStrictEqual([undefined, undefined])
    expect(faults([path], 3)).toStrictEqual([
      expect.stringMatching(/a_0000\.nii: a has 2 channel files, the model reads 3 channels/),
      expect.stringMatching(/b_0000\.nii\.gz: b has 2 channel files, the model reads 3 channels/),
    ])
  })

  test('keep apart what has one name', () => {
    const [one, other] = [at('one', ['scan.nii', 'scan_0000.nii.gz']), at('other', ['scan.nii'])]
    expect(namesOf([one, join(other, 'scan.nii')], 1)).toStrictEqual(['scan: 1', 'scan_2: 1', 'scan_3: 1'])
  })

  test('are refused in one line where there is none', () => {
    const gap = at('gap', ['a_0000.nii', 'a_0002.nii'])
    expect(faults([gap], 2)).toStrictEqual([
      expect.stringMatching(/a_0002\.nii: channel 2, expected channel 1 \(_0001\)/),
    ])
    expect(refusal([at('empty', ['note.txt'])], 1)).toMatch(/empty: neither a scan nor a folder of scans/)
    expect(refusal([join(folder, 'none.nii')], 1)).toMatch(/none\.nii: no such file, expected a NIfTI file/)
    expect(refusal([join(folder, 'none')], 1)).toMatch(/none: neither a scan nor a folder of scans/)
  })
})
