import { expect, test } from 'vitest'
import { sigmoid, softplus } from '../../bench/operations/elementary.ts'
import { destroyBuffer, readBuffer, storageBuffer } from '../../src/gpu/buffers.ts'
import { linkShader } from '../../src/wgsl/link.ts'
import { testDevice } from '../harness.ts'

const { device } = await testDevice()

/** y = f(x) on the adapter, f a function of lib/math. */
async function evaluate(name: string, x: Float32Array<ArrayBuffer>): Promise<Float32Array> {
  const code = `${linkShader('lib/math')}
    @group(0) @binding(0) var<storage, read> x: array<f32>;
    @group(0) @binding(1) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
      if (id.x < ${x.length}) { y[id.x] = f32(${name}(x[id.x])); }
    }`
  const module = device.gpu.createShaderModule({ code })
  const pipeline = await device.gpu.createComputePipelineAsync({ layout: 'auto', compute: { module } })
  const buffers = [storageBuffer(device, 'x', x.byteLength), storageBuffer(device, 'y', x.byteLength)] as const
  device.gpu.queue.writeBuffer(buffers[0], 0, x)
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }))
  const encoder = device.gpu.createCommandEncoder()
  const pass = encoder.beginComputePass()
  pass.setPipeline(pipeline)
  pass.setBindGroup(0, device.gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }))
  pass.dispatchWorkgroups(Math.ceil(x.length / 64))
  pass.end()
  device.gpu.queue.submit([encoder.finish()])
  const y = new Float32Array(await readBuffer(device, buffers[1], 0, x.byteLength))
  for (const buffer of buffers) destroyBuffer(device, buffer)
  return y
}

const LARGEST = 2 ** 128 - 2 ** 104
/** Below this the error is absolute: adapters may flush subnormal intermediate results. */
const SMALLEST = 2 ** -124

/** Every binade with both signs, the neighbourhood of the interesting points, and dense runs. */
const POINTS = Float32Array.from([
  ...Array.from({ length: 254 }, (_, i) =>
    [1, 1.1, 1.41, 1.42, 1.999].flatMap(m => [m, -m].map(v => v * 2 ** (i - 126))),
  ).flat(),
  ...Array.from({ length: 4001 }, (_, i) => (i - 2000) / 19.9),
  ...Array.from({ length: 2001 }, (_, i) => (i - 1000) / 999.7),
  ...[0, 88.72283, 88.722, -87.3365, -87.33, -0.29, -0.2899, 0.41, 0.4099, 1e-40, LARGEST, -LARGEST],
])

/** Logarithms outside of their domain and at its edge give the lowest number, overflow the largest. */
const finite = (y: number): number => (Number.isNaN(y) ? -LARGEST : Math.max(-LARGEST, Math.min(LARGEST, y)))

test.each([
  ['log1p', Math.log1p],
  ['expm1', Math.expm1],
  ['softplus', softplus],
  ['sigmoid', sigmoid],
  ['sigmoid_derivative', (x: number) => sigmoid(x) * sigmoid(-x)],
  ['exp_accurate', Math.exp],
  ['log_accurate', Math.log],
])('%s is accurate to 1e-6 and finite over all of f32', async (name, exact) => {
  const y = await evaluate(name, POINTS)
  POINTS.forEach((x, i) => {
    const expected = finite(exact(x))
    const bound = 1e-6 * Math.abs(expected) + SMALLEST
    expect(Math.abs(y[i]! - expected), `${name}(${x}) = ${y[i]}, not ${expected}`).toBeLessThanOrEqual(bound)
  })
})

test('is_finite sees what WGSL may assume away', async () => {
  const x = Float32Array.of(
    0,
    -0,
    1e-40,
    LARGEST,
    -LARGEST,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  )
  expect([...(await evaluate('is_finite', x))]).toEqual([1, 1, 1, 1, 1, 0, 0, 0])
})

test.each(['log1p', 'expm1', 'softplus', 'sigmoid', 'sigmoid_derivative', 'exp_accurate', 'log_accurate'])(
  '%s lets NaN pass',
  async name => {
    expect(await evaluate(name, Float32Array.of(Number.NaN))).toEqual(Float32Array.of(Number.NaN))
  },
)
