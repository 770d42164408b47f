import { expect, test } from 'vitest'
import { candidatesFor, neededExtent, ranked } from '../../src/recipe/frame.ts'
import { SampleTime } from '../../src/recipe/sample_time.ts'
import { fingerprintOfScans, scanOf } from './measured.ts'

/** Crops like the hippocampus': 35×50×36 mm around two halves. */
const crops = [0, 1, 2].map(n =>
  scanOf(
    `s${n}`,
    [35 + n, 50 + n, 36 - n],
    [1, 1, 1],
    [
      { low: [10, 8, 8], end: [22, 24, 22] },
      { low: [10, 24, 12], end: [20, 42, 26] },
    ],
  ),
)
const fingerprint = fingerprintOfScans(crops, ['anterior', 'posterior'])
const material = { fingerprint, stored: undefined }

/** A run that can process so many voxels. */
const timeFor = (voxels: number, scans = 1e9) => ({ seconds: voxels, sample: SampleTime.guessed(1), scans })

test('every frame holds the structures with their margin, at axes divisible by 16 and voxels no finer than the scans', () => {
  const need = neededExtent(fingerprint)
  const frames = candidatesFor(material).filter(({ form }) => !form.patchStride)
  expect(frames.length).toBeGreaterThan(8)
  for (const { form, spacing, padding } of frames) {
    for (const axis of [0, 1, 2]) {
      expect(form.size[axis]! % 16).toBe(0)
      expect(form.size[axis]! * spacing[axis]!).toBeGreaterThanOrEqual(need[axis]! - 1e-9)
      expect(spacing[axis]!).toBeGreaterThanOrEqual(1)
    }
    // where voxels are coarser than the scans', the frame is as long as what it holds
    if (spacing.every(length => length > 1)) expect(padding).toBeLessThan(0.03)
  }
})

test('a scan that is hardly larger than its structures needs no more than itself', () => {
  const scan = scanOf('a', [20, 20, 20], [1, 1, 1], [{ low: [0, 0, 0], end: [20, 20, 20] }])
  expect(neededExtent(fingerprintOfScans([scan], ['all']))).toEqual([20, 20, 20])
})

test('more time buys finer voxels; none too many', () => {
  const voxels = [1e7, 1e9, 1e12].map(time => ranked(candidatesFor(material), timeFor(time))[0]!)
  expect(voxels[0]!.voxels).toBeLessThan(voxels[1]!.voxels)
  expect(voxels[1]!.voxels).toBeLessThanOrEqual(voxels[2]!.voxels)
  expect(voxels[2]!.resolutionLoss).toBe(0)
  expect(voxels[2]!.form.patchStride).toBeUndefined()
})

test('few scans that were seen often enough leave the time to finer voxels', () => {
  const [few, many] = [3, 1e9].map(scans => ranked(candidatesFor(material), timeFor(1e8, scans))[0]!)
  expect(few!.resolutionLoss).toBeLessThan(many!.resolutionLoss)
})

test('the axis along which a structure is thin gets the finer voxels', () => {
  const flat = scanOf('a', [64, 64, 64], [1, 1, 1], [{ low: [30, 4, 4], end: [34, 60, 60] }])
  const thin = fingerprintOfScans([flat], ['plate'])
  const [best] = ranked(candidatesFor({ fingerprint: thin, stored: undefined }), timeFor(2e7))
  expect(best!.spacing[0]).toBeLessThan(best!.spacing[1])
})

test('a large scan can be cut into patches, at several spacings', () => {
  const large = scanOf('a', [96, 96, 96], [1, 1, 2], [{ low: [1, 1, 1], end: [95, 95, 95] }])
  const patches = candidatesFor({ fingerprint: fingerprintOfScans([large], ['body']), stored: undefined }).filter(
    ({ form }) => form.patchStride,
  )
  for (const { form, spacing } of patches) {
    expect(form.patchStride).toEqual(form.size.map(axis => axis / 2))
    expect(spacing[2]).toBeGreaterThanOrEqual(2)
    expect(form.size.every((axis, i) => axis % 16 === 0 && axis * spacing[i]! <= [96, 96, 192][i]! + 16)).toBe(true)
  }
  expect(new Set(patches.map(({ spacing }) => spacing.join())).size).toBeGreaterThan(2)
})

test("a dataset's samples keep their size or become smaller; its patches keep theirs", () => {
  const sample = scanOf('a', [32, 16, 20], [1, 1, 1], [{ low: [4, 4, 4], end: [20, 12, 12] }])
  const own = fingerprintOfScans([sample], ['liver'])
  const sizes = (patches: boolean) =>
    candidatesFor({ fingerprint: own, stored: { size: [32, 16, 20], patches } }).map(({ form }) => form.size.join())
  expect(sizes(false)).toEqual(['16,16,16', '32,16,16'])
  expect(sizes(true)).toEqual(['32,16,16'])
})

test('the time of a sample is a line through what was measured', () => {
  const one = SampleTime.measured([{ voxels: 1000, seconds: 2 }])
  expect(one.secondsFor(500)).toBe(1)
  const two = SampleTime.measured([
    { voxels: 3000, seconds: 4 },
    { voxels: 1000, seconds: 2 },
  ])
  expect([0, 1000, 5000].map(voxels => two.secondsFor(voxels))).toEqual([1, 2, 6])
  // a larger sample that was not slower says nothing of the smaller one
  const noise = SampleTime.measured([
    { voxels: 1000, seconds: 2 },
    { voxels: 2000, seconds: 2 },
  ])
  expect(noise.secondsFor(2000)).toBe(2)
})
