import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Device } from '../../src/gpu/device.ts'
import { Pipelines } from '../../src/gpu/pipelines.ts'
import { Tape } from '../../src/graph/tape.ts'
import { type Tensor, tensor } from '../../src/graph/tensor.ts'
import { conv3d } from '../../src/ops/conv3d/conv3d.ts'
import { InputError } from '../../src/util/error.ts'
import { PACKAGE_ROOT } from '../../src/util/package_root.ts'
import { normals, randomOf, relativeError } from '../ops/numbers.ts'
import { Prepared } from '../ops/prepared.ts'
import type { TfjsReport, TfjsShape } from './tfjs.ts'

/** The parts of tfjs-core used here; the package is not a dependency. */
interface Tfjs {
  setBackend(name: string): Promise<boolean>
  ready(): Promise<void>
  tensor5d(values: Float32Array, shape: readonly number[]): TfjsTensor
  transpose(x: TfjsTensor, axes: readonly number[]): TfjsTensor
  conv3d(x: TfjsTensor, filter: TfjsTensor, stride: number, padding: string): TfjsTensor
  backend(): { ensureCommandEncoderReady(): void; endComputePassEncoder(): void; submitQueue(): void }
  engine(): { runKernel(name: string, inputs: object, attributes: object): TfjsTensor }
}

interface TfjsTensor {
  shape: number[]
  data(): Promise<Float32Array>
  dispose(): void
}

const SECONDS = 2
const ROUNDS = 3
/** Of tfjs's sums against ours, relative to the largest. */
const TOLERANCE = 1e-4

/** From the folder SADAAN_TFJS, bench/peers or the package's node_modules. */
function loadTfjs(): Tfjs {
  const folders = [process.env.SADAAN_TFJS, join(PACKAGE_ROOT, 'bench/peers'), PACKAGE_ROOT]
  for (const folder of folders.filter(each => each !== undefined))
    try {
      const require = createRequire(join(folder, 'package.json'))
      const tf = require('@tensorflow/tfjs-core') as Tfjs
      require('@tensorflow/tfjs-backend-webgpu')
      return tf
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    }
  throw new InputError('@tensorflow/tfjs-backend-webgpu is not installed; run: npm install --prefix bench/peers')
}

/** The shortest of several repetitions, at least one. */
async function shortest(run: () => Promise<unknown>): Promise<number> {
  await run()
  const begun = performance.now()
  let best = Number.POSITIVE_INFINITY
  do {
    const started = performance.now()
    await run()
    best = Math.min(best, (performance.now() - started) / 1000)
  } while (performance.now() - begun < (SECONDS * 1000) / ROUNDS)
  return best
}

interface Data {
  x: Float32Array // (N, I, H, W, D)
  weight: Float32Array // (O, I, 3, 3, 3)
  dy: Float32Array // (N, O, H, W, D)
}

/** The timed functions of one side; `result` is y as (N, O, H, W, D). */
interface Side {
  forward(): Promise<unknown>
  both(): Promise<unknown>
  result(): Promise<ArrayLike<number>>
}

async function oursOn(device: Device, { samples, inputs, outputs, volume }: TfjsShape, data: Data): Promise<Side> {
  const gpu = { device, pipelines: new Pipelines(device) }
  const prepare = (backward: boolean): Promise<Prepared> => {
    const tape = new Tape()
    const x = tensor('x', [samples, inputs, ...volume], 'input')
    const weight = tensor('weight', [outputs, inputs, 3, 3, 3], 'parameter')
    const bias = tensor('bias', [outputs], 'parameter')
    const dy = tensor('dy', [samples, outputs, ...volume], 'input')
    const values = new Map<Tensor, Float32Array>([
      [x, data.x],
      [weight, data.weight],
      [bias, new Float32Array(outputs)],
    ])
    const gradients = [x, weight].map(t => tensor(`d(${t.name})`, t.shape, 'temporary'))
    if (backward) {
      tape.watch(x, gradients[0]!)
      tape.watch(weight, gradients[1]!)
    }
    const y = conv3d(tape, x, weight, bias)
    if (backward) {
      values.set(dy, data.dy)
      tape.differentiate(y, dy)
    }
    const kept = backward ? [y, ...gradients] : [y]
    return Prepared.make(gpu, { name: 'conv3d', calls: tape.calls, outputs: kept, values })
  }
  const [forward, both] = [await prepare(false), await prepare(true)]
  const submit = (prepared: Prepared) => (): Promise<void> => {
    prepared.runner.submit()
    return device.idle()
  }
  await submit(forward)()
  return { forward: submit(forward), both: submit(both), result: () => forward.read(forward.plan.outputs[0]!) }
}

/** tfjs uses channels last. Its gradients run the same kernels as its gradient functions. */
async function tfjsSide(
  tf: Tfjs,
  { samples, inputs, outputs, volume }: TfjsShape,
  data: Data,
  idle: Idle,
): Promise<Side> {
  const channelsLast = (values: Float32Array, channels: number): TfjsTensor =>
    tf.transpose(tf.tensor5d(values, [samples, channels, ...volume]), [0, 2, 3, 4, 1])
  const x = channelsLast(data.x, inputs)
  const dy = channelsLast(data.dy, outputs)
  const filter = tf.transpose(tf.tensor5d(data.weight, [outputs, inputs, 3, 3, 3]), [2, 3, 4, 1, 0])
  const how = { strides: [1, 1, 1], pad: 'same' }
  const run = async (...made: TfjsTensor[]): Promise<void> => {
    await idle()
    for (const each of made) each.dispose()
  }
  const forward = (): TfjsTensor => tf.conv3d(x, filter, 1, 'same')
  const gradient = (kernel: string, given: object, attributes: object): TfjsTensor =>
    tf.engine().runKernel(kernel, given, { ...how, ...attributes })
  return {
    forward: () => run(forward()),
    both: () =>
      run(
        forward(),
        gradient('Conv3DBackpropInputV2', { dy, filter }, { inputShape: x.shape }),
        gradient('Conv3DBackpropFilterV2', { x, dy }, { filterShape: filter.shape }),
      ),
    result: () => tf.transpose(forward(), [0, 4, 1, 2, 3]).data(),
  }
}

type Idle = () => Promise<void>

/** Loads tfjs and presents our adapter to it as the browser's. The returned function flushes tfjs's queue. */
async function startTfjs({ opened }: Device): Promise<{ tf: Tfjs; idle: Idle }> {
  const devices: GPUDevice[] = []
  const request = async (descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> => {
    // An adapter provides one device, and ours already has it.
    const again = (await opened.gpu.requestAdapter({ powerPreference: 'high-performance' }))!
    devices.push(await again.requestDevice(descriptor))
    return devices.at(-1)!
  }
  const offered = new Proxy(opened.adapter, {
    get: (target, name) => {
      const value = Reflect.get(target, name) as unknown
      if (name === 'requestDevice') return request
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const navigator = { gpu: { requestAdapter: async () => offered } }
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true })
  const tf = loadTfjs() // registers its backend only if navigator.gpu exists
  await tf.setBackend('webgpu')
  await tf.ready()
  const errors: string[] = []
  const device = devices[0]!
  device.addEventListener('uncapturederror', event => errors.push((event as GPUUncapturedErrorEvent).error.message))
  const idle = async (): Promise<void> => {
    const backend = tf.backend()
    backend.ensureCommandEncoderReady() // submit requires an open encoder
    backend.endComputePassEncoder()
    backend.submitQueue()
    await device.queue.onSubmittedWorkDone()
    if (errors.length > 0) throw new Error(`tfjs: ${errors[0]}`)
  }
  return { tf, idle }
}

async function compare(shape: TfjsShape & { adapter?: string }): Promise<TfjsReport> {
  const { samples, inputs, outputs, volume, adapter } = shape
  const device = await Device.open(adapter)
  const voxels = volume.reduce((product, axis) => product * axis, samples)
  const random = randomOf('tfjs')
  const weight = normals(random, outputs * inputs * 27, 0, 1 / Math.sqrt(27 * inputs))
  const data = { x: normals(random, inputs * voxels), weight, dy: normals(random, outputs * voxels) }
  const { tf, idle } = await startTfjs(device)
  const ours = await oursOn(device, shape, data)
  const theirs = await tfjsSide(tf, shape, data, idle)
  const error = relativeError(await ours.result(), await theirs.result())
  if (!(error <= TOLERANCE)) throw new Error(`ours and tfjs differ by ${error} of the largest value`)
  const best = { forward: [Infinity, Infinity], both: [Infinity, Infinity] }
  for (let round = 0; round < ROUNDS; round++)
    for (const pass of ['forward', 'both'] as const)
      for (const [i, side] of [ours, theirs].entries())
        best[pass][i] = Math.min(best[pass][i]!, await shortest(side[pass]))
  const line = ([ours_s, tfjs_s]: number[]) => ({ ours_s: ours_s!, tfjs_s: tfjs_s!, ratio: tfjs_s! / ours_s! })
  const flops = 2 * 27 * inputs * outputs * voxels
  const { forward, both } = best
  return {
    samples,
    inputs,
    outputs,
    volume,
    adapter: device.name,
    flops,
    forward: line(forward),
    forward_backward: line(both),
  }
}

try {
  process.stdout.write(`${JSON.stringify(await compare(JSON.parse(process.argv[2]!)))}\n`, () => process.exit())
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`, () => process.exit(1))
}
