// full: starts the program from source for each benchmark
import { expect, test } from 'vitest'
import type { LoaderReport } from '../../bench/loader/loader.ts'
import type { OpsReport } from '../../bench/ops/ops.ts'
import type { RecordReport } from '../../bench/record.ts'
import type { Reproducibility } from '../../bench/step/reproducible.ts'
import { Device } from '../../src/gpu/device.ts'
import { adapter, bench, TINY } from './bench.ts'

const OPS = [
  ...['ops', '--json', '--seconds', '0.001', '--cases', 'kernels-test/cases/index.ts'],
  ...(adapter === undefined ? [] : ['--adapter', adapter]),
]

test('bench ops times the rows of the tests and of the step, and says what they were held to', async () => {
  const report = await bench<OpsReport>(...OPS, '--filter', 'max_pool3d forward shape')
  expect(report.adapter).toEqual(expect.any(String))
  expect(report.clock).toMatch(/^(timestamps|wall clock)/)
  expect(report.peak_gflops).toBeGreaterThan(0)
  expect(report.copy_gbytes).toBeGreaterThan(0)
  const rows = report.rows.filter(({ operation }) => operation === 'max_pool3d')
  expect(new Set(rows.map(({ from }) => from))).toEqual(new Set(['test', 'pool1']))
  for (const row of rows) {
    expect(row).toMatchObject({ operation: 'max_pool3d', dispatches: expect.any(Number) })
    expect(row.seconds).toBeGreaterThan(0)
    expect(row.gbytes).toBeGreaterThan(0)
    expect(row.share).toBeGreaterThan(0)
    expect(row.measurements).toBeGreaterThanOrEqual(3)
    expect(row.verified.error).toBeLessThanOrEqual(row.verified.allowed)
    expect(Object.keys(row.variants)).toContain('maxPool3d.forward')
  }
})

test('bench ops --every-variant times what else a row could run as, and f16 activations', async () => {
  const filter = ['--filter', 'conv3d forward (test) samples 2, channels 16, outputs 16']
  const every = await bench<OpsReport>(...OPS, '--every-variant', ...filter)
  expect(every).toMatchObject({ precision: 'f32', wrong: [] })
  expect(every.rows.map(({ chosen }) => chosen)).toEqual([true, ...every.rows.slice(1).map(() => false)])
  const variants = every.rows.map(line => line.variants['conv3d.forward'])
  expect(new Set(variants).size).toBe(variants.length)
  expect(variants.length).toBeGreaterThan(1)
  for (const { performed_flops } of every.rows) expect(performed_flops).toBeGreaterThan(0)

  const halves = bench<OpsReport>(...OPS, '--precision', 'f16', ...filter)
  const device = await Device.open(adapter)
  const hasHalves = device.facts.features.has('shader-f16')
  device.close()
  if (!hasHalves) return expect(halves).rejects.toThrow(/has no shader-f16, expected --precision f32$/)
  expect((await halves).rows).toMatchObject([{ chosen: true, verified: { against: 'the reference' } }])
  expect((await halves).rows[0]!.verified.error).toBeGreaterThan(1e-5) // what f16 rounds
})

test('bench loader measures itself against decoding and the disk', async () => {
  const report = await bench<LoaderReport>(
    'loader',
    '--json',
    '--seconds',
    '0.01',
    '--samples',
    '3',
    '--step-seconds',
    '1000',
    ...TINY,
  )
  expect(report).toMatchObject({ samples: 3, structures: 2, step_s: 1000, gpu_idle_share: 0 })
  expect(report.samples_per_s).toBeGreaterThan(0)
  expect(report.decode_floor_samples_per_s).toBeGreaterThan(0)
  expect(report.disk_floor_samples_per_s).toBeGreaterThan(0)
})

test('bench bits finds two runs equal', async () => {
  const report = await bench<Reproducibility>('bits', '--json', '--steps', '2', ...TINY)
  expect(report).toMatchObject({ steps: 2, identical: true })
})

test('bench record says what a point and a run with steps of that length pay', async () => {
  const words = ['--points', '2000', '--seconds', '0.2', '--step-seconds', '0.01']
  const report = await bench<RecordReport>('record', '--json', ...words)
  expect(report).toMatchObject({ points: 2000, step_s: 0.01, points_per_step: 8, share: expect.any(Number) })
  for (const figure of [report.file_bytes, report.point_us, report.longest_wait_ms]) expect(figure).toBeGreaterThan(0)
})
