import { destroyBuffer, storageBuffer } from '../../src/gpu/buffers.ts'
import type { Device } from '../../src/gpu/device.ts'
import { type Dispatch, kernel } from '../../src/graph/kernel.ts'
import { Tape } from '../../src/graph/tape.ts'
import { type Tensor, tensor } from '../../src/graph/tensor.ts'
import { elementwiseCut, spansOf } from '../../src/ops/work.ts'
import { Clock } from '../clock.ts'
import { type Gpu, Prepared } from './prepared.ts'

/** Peak rates of the adapter: the best of several runs of dedicated kernels. */
export interface Peaks {
  /** 2 · multiply-adds per second */
  flops: number
  /** bytes read and written per second by a copy kernel */
  bytes: number
  /** the same for the adapter's buffer copy; on a CPU, no kernel comes close */
  bufferCopy: number
}

/** Invocations of the multiply-add kernel: enough to fill any GPU; few on a CPU, which has few lanes. */
const FMA_INVOCATIONS = { gpu: 2 ** 20, software: 2 ** 12 }
const FMA_PER_ROUND = 16 * 12
/** x → x/2 + 1/2 converges to 1 from any start. */
const HALF = 0.5
/** Long enough to make the start-up time negligible. */
const FMA_SECONDS = 0.02

/** Bytes: larger than any cache, within the binding limit. */
const COPY_BYTES = { gpu: 2 ** 28, software: 2 ** 26 }
/** Copies per submit, and number of submits. */
const BUFFER_COPIES = 4

const fmaKernel = kernel('bench.fma', ({ sums, rounds }: { sums: Tensor; rounds: number }): Dispatch[] => {
  const invocations = sums.shape[0]!
  return [
    {
      shader: 'bench/fma_peak',
      bindings: { sums },
      params: { factor: HALF, addend: HALF, rounds, invocations },
      invocations,
      flops: 2 * FMA_PER_ROUND * rounds * invocations,
    },
  ]
})

function fma(gpu: Gpu, rounds: number): Promise<Prepared> {
  const tape = new Tape()
  const sums = tape.temporary('sums', [FMA_INVOCATIONS[gpu.device.facts.software ? 'software' : 'gpu']])
  tape.run(fmaKernel, { sums, rounds })
  return Prepared.make(gpu, { name: 'fma peak', calls: tape.calls, outputs: [sums], values: new Map() })
}

/** The multiply-add kernel with enough rounds to run for FMA_SECONDS. */
async function longFma(gpu: Gpu): Promise<Prepared> {
  let rounds = 64
  for (;;) {
    const prepared = await fma(gpu, rounds)
    prepared.runner.submit()
    await gpu.device.idle()
    const started = performance.now()
    prepared.runner.submit()
    await gpu.device.idle()
    const seconds = (performance.now() - started) / 1000
    if (seconds >= FMA_SECONDS) return prepared
    prepared.destroy()
    rounds *= Math.min(16, Math.ceil((1.5 * FMA_SECONDS) / seconds))
  }
}

type CopyEntry = 'single' | 'fours'

const copyKernel = kernel('bench.copy', ({ x, y, entry }: { x: Tensor; y: Tensor; entry: CopyEntry }, { facts }) => {
  const elements = x.shape[0]!
  const asked =
    entry === 'single'
      ? { bindings: { x, y }, ...spansOf(elementwiseCut(elements, facts)) }
      : { bindings: { x4: x, y4: y }, constants: { WORKGROUP: 256 }, ...spansOf([elements, 1, 4, elements / 4]) }
  return [{ shader: 'bench/copy', entry, ...asked }]
})

function copyElements({ facts }: Device): number {
  return Math.min(COPY_BYTES[facts.software ? 'software' : 'gpu'], facts.maxBindingBytes) / 4
}

async function copyBandwidth(gpu: Gpu, clock: Clock, entry: CopyEntry, least: number): Promise<number> {
  const elements = copyElements(gpu.device)
  const tape = new Tape()
  const x = tensor('x', [elements], 'input')
  const y = tape.temporary('y', [elements])
  tape.run(copyKernel, { x, y, entry })
  const values = new Map([[x, Float32Array.from({ length: elements }, (_, i) => i % 1021)]])
  const prepared = await Prepared.make(gpu, { name: 'copy', calls: tape.calls, outputs: [y], values })
  try {
    const { best } = await clock.time(prepared.runner, least)
    const copied = await prepared.read(y)
    if (copied.some((value, i) => value !== i % 1021)) throw new Error(`bench/copy:${entry}: wrong result`)
    return (8 * elements) / best
  } finally {
    prepared.destroy()
  }
}

/** By the wall clock, a few copies to a submit. */
async function bufferCopyBandwidth(device: Device): Promise<number> {
  const bytes = 4 * copyElements(device)
  const [from, to] = [storageBuffer(device, 'from', bytes), storageBuffer(device, 'to', bytes)]
  let best = Number.POSITIVE_INFINITY
  for (let repetition = 0; repetition <= BUFFER_COPIES; repetition++) {
    const encoder = device.gpu.createCommandEncoder()
    for (let i = 0; i < BUFFER_COPIES; i++) encoder.copyBufferToBuffer(from, 0, to, 0, bytes)
    const commands = encoder.finish()
    const started = performance.now()
    device.gpu.queue.submit([commands])
    await device.idle()
    best = Math.min(best, (performance.now() - started) / 1000 / BUFFER_COPIES)
  }
  for (const buffer of [from, to]) destroyBuffer(device, buffer)
  return (2 * bytes) / best
}

/** Calibrates the clock on the multiply-add kernel, then measures both peaks for at least `least` seconds each. */
export async function measurePeaks(gpu: Gpu, least: number): Promise<{ clock: Clock; peaks: Peaks }> {
  const prepared = await longFma(gpu)
  try {
    const clock = await Clock.open(gpu.device, prepared.runner)
    const { best } = await clock.time(prepared.runner, least)
    const sums = await prepared.read(prepared.plan.outputs[0]!)
    if (sums.some(sum => Math.abs(sum - 12) > 1e-4)) throw new Error('bench/fma_peak: wrong result')
    const single = await copyBandwidth(gpu, clock, 'single', least)
    const fours = await copyBandwidth(gpu, clock, 'fours', least)
    const bufferCopy = await bufferCopyBandwidth(gpu.device)
    return { clock, peaks: { flops: prepared.plan.flops / best, bytes: Math.max(single, fours), bufferCopy } }
  } finally {
    prepared.destroy()
  }
}
