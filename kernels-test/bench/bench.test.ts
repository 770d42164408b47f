// full: runs the benchmarks
import { expect, test } from 'vitest'
import { Instruments } from '../../bench/instruments.ts'
import type { Conv3dRow } from '../../bench/operations/conv3d.ts'
import { checkConv3d } from '../../bench/ops/sampled_conv3d.ts'
import { ChildError } from '../../bench/processes.ts'
import type { StepReport } from '../../bench/step/step.ts'
import { destroyBuffer, storageBuffer } from '../../src/gpu/buffers.ts'
import { Device } from '../../src/gpu/device.ts'
import conv3d from '../cases/conv3d.ts'
import { doubles } from '../harness.ts'
import { normals, randomOf } from '../numbers.ts'
import { adapter, bench, TINY } from './bench.ts'

test('bench ops refuses a filter that matches no row, in one line', async () => {
  const refused = bench('ops', '--filter', 'no-such-operation')
  await expect(refused).rejects.toThrow(ChildError)
  await expect(refused).rejects.toThrow(/--filter "no-such-operation" matches no row$/)
})

test('bench step measures a whole step', async () => {
  const report = await bench<StepReport>('step', '--json', '--profile', '--steps', '2', ...TINY)
  expect(report).toMatchObject({
    structures: 2,
    size: [32, 32, 16],
    batch_size: 1,
    channels: [2, 4, 4, 8, 8],
    steps: 2,
  })
  expect(report.samples_per_s).toBeCloseTo(1 / report.step_s, 6)
  expect(report.objects_per_step).toBe(0)
  expect(report.recorded_per_step).toEqual({ createCommandEncoder: 2, beginComputePass: 2, finish: 2 })
  expect(report.peak_bytes).toBeGreaterThan(1e6)
  expect(report.upload_bytes).toBeGreaterThan(32 * 32 * 16 * 4)
  expect(report.encode_share).toBeGreaterThan(0)
  expect(report.loader_wait_share).toBeGreaterThanOrEqual(0)
  expect(report.flops).toBeGreaterThan(1e6)
  expect(Number.isFinite(report.loss)).toBe(true)
  expect(Object.keys(report.variants)).toEqual(expect.arrayContaining(['conv3d.forward', 'adam']))
  const { open, plan, values, pipelines, step } = report.first_step_s
  expect(report.first_step_s.total).toBeCloseTo(open + plan + values + pipelines + step, 9)
  expect(report.overlapped).toBeLessThan(report.steps)
  if (report.software) expect(report.process_peak_bytes).toBeGreaterThan(report.peak_bytes)
  expect(report.profile!.length).toBeLessThan(report.dispatches) // the update is not in it
  expect(report.profile![0]).toMatchObject({ label: expect.any(String), shader: expect.any(String) })
})

test('instruments count objects, encoders and the peak of memory', async () => {
  const device = await Device.open(adapter)
  const instruments = new Instruments(device)
  const buffers = [1, 2].map(i => storageBuffer(device, `${i}`, 1024))
  device.gpu.createCommandEncoder().beginComputePass().end()
  device.gpu.queue.writeBuffer(buffers[0]!, 0, new Uint32Array(4))
  for (const buffer of buffers) destroyBuffer(device, buffer)
  storageBuffer(device, '3', 256)
  expect(instruments.created).toEqual({ createBuffer: 3 })
  expect(instruments.objects).toBe(3)
  expect(instruments.recorded).toEqual({ createCommandEncoder: 1, beginComputePass: 1 })
  expect(instruments.peakBytes).toBe(2048)
  expect(instruments.uploadBytes).toBe(16)
  device.close()
})

test('sampled elements of a convolution accept the reference and nothing else', () => {
  const row: Conv3dRow = { samples: 2, channels: [3, 2], outputs: 4, size: 3, volume: [4, 5, 6] }
  const inputs = conv3d.inputs(row, randomOf('sampled'))
  const { y } = conv3d.reference(doubles(inputs), row) as { y: Float64Array }
  const errorOf = (actual: Float64Array) =>
    checkConv3d({ pass: 'forward' }, row, { inputs }, actual, randomOf('a')).error
  expect(errorOf(y)).toBeLessThan(1e-12)
  expect(errorOf(y.map(value => value * 1.001))).toBeGreaterThan(1e-4)
  expect(errorOf(y.fill(Number.NaN))).toBe(Number.POSITIVE_INFINITY)
})

test('sampled elements of its gradients agree with differences of the reference', () => {
  const row: Conv3dRow = { samples: 1, channels: [2, 1], outputs: 3, size: 3, volume: [3, 4, 2] }
  const inputs = conv3d.inputs(row, randomOf('sampled gradients'))
  const cotangent = normals(randomOf('cotangent'), 3 * 24)
  const value = (name: string, index: number, step: number): number => {
    const moved = doubles(inputs)
    moved[name]![index]! += step
    return conv3d.reference(moved, row).y!.reduce((sum, y, i) => sum + y * cotangent[i]!, 0)
  }
  // linear in each input: the difference is exact but for rounding
  const gradient = (name: string): Float64Array =>
    Float64Array.from(inputs[name]!.data, (_, i) => (value(name, i, 0.5) - value(name, i, -0.5)) as number)
  for (const [what, name] of [
    [{ pass: 'backward data' }, 'x'],
    [{ pass: 'backward data', source: 1 }, 'second'],
    [{ pass: 'backward weight' }, 'weight'],
  ] as const) {
    const exact = gradient(name)
    const errorOf = (actual: Float64Array) =>
      checkConv3d(what, row, { inputs, cotangent }, actual, randomOf(name)).error
    expect(errorOf(exact)).toBeLessThan(1e-10)
    expect(errorOf(exact.toReversed())).toBeGreaterThan(1e-2)
  }
})
