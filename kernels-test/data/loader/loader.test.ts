import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { Session } from 'node:inspector'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { openSplit } from '../../../src/data/dataset/dataset.ts'
import type { Split } from '../../../src/data/dataset/split.ts'
import { Hdf5Writer } from '../../../src/data/hdf5/writer.ts'
import { Decoders, type DecodersOptions, usefulThreads } from '../../../src/data/loader/decoders.ts'
import { type Batch, Loader, type LoaderOptions } from '../../../src/data/loader/loader.ts'
import { InputError } from '../../../src/util/error.ts'
import { corruptChunk } from '../corrupt.ts'
import { intensity, isMasked, presenceOf, temporaryDirectory, writeSplit } from '../small_dataset.ts'

const directory = temporaryDirectory()
const size: [number, number, number] = [16, 32, 16]
const voxels = 16 * 32 * 16
const structures = 2

const splits = new Map<string, Promise<Split>>()
function splitOf(samples: number, channels?: number): Promise<Split> {
  const path = join(directory, `${samples}-${channels}.h5`)
  const shape = channels === undefined ? {} : { channels }
  const open = async () => {
    await writeSplit(path, { samples, structures, imageSize: size, ...shape })
    return openSplit('train', path)
  }
  if (!splits.has(path)) splits.set(path, open())
  return splits.get(path)!
}

const opened: Decoders[] = []
const workers: Worker[] = []
const listen = (worker: Worker): void => void workers.push(worker)
beforeAll(() => void process.on('worker', listen))
afterAll(() => void process.off('worker', listen))
afterEach(async () => {
  for (const decoders of opened.splice(0)) await decoders.close()
  workers.splice(0)
})

function decodersOf(options: Partial<DecodersOptions> = {}): Decoders {
  const decoders = new Decoders({ threads: 1, cleanupFrequency: 5, ...options })
  opened.push(decoders)
  return decoders
}

/** Decoded in this thread unless given other decoders. */
function load(split: Split, options: Partial<LoaderOptions> = {}): Loader {
  const defaults = { structures, batchSize: 2, order: 'sequential', seed: 42, dropLast: false } as const
  return new Loader({ split, decoders: options.decoders ?? decodersOf({ threads: 0 }), ...defaults, ...options })
}

/** Batches own their memory only until the next one: keeps copies. */
async function collect(batches: AsyncGenerator<Batch>): Promise<Batch[]> {
  const kept: Batch[] = []
  for await (const batch of batches)
    kept.push({ ...batch, images: batch.images.slice(), maskBits: batch.maskBits.slice() })
  return kept
}

test('in order, the last batch is padded with unknown pairs', async () => {
  const loader = load(await splitOf(5))
  expect(loader.batchesPerEpoch).toBe(3)
  const batches = await collect(loader.epoch(0))
  expect(batches.map(batch => batch.count)).toEqual([2, 2, 1])
  expect(batches.map(batch => [...batch.samples])).toEqual([
    [0, 1],
    [2, 3],
    [4, 0],
  ])
  expect(batches.flatMap(batch => batch.scenarios)).toEqual([0, 1, 2, 3, 4].map(n => `scenario ${n}`))
  for (const batch of batches) checkBatch(batch, 1)
  const last = batches[2]!
  expect([...last.presence.subarray(structures)]).toEqual([-1, -1])
  expect(last.images.subarray(voxels).every(value => value === 0)).toBe(true)
  expect(last.maskBits.subarray((structures * voxels) / 32).every(word => word === 0)).toBe(true)
})

test('channels are kept apart', async () => {
  const [batch] = await collect(load(await splitOf(2, 3)).epoch(0))
  checkBatch(batch!, 3)
})

function checkBatch(batch: Batch, channels: number): void {
  for (let slot = 0; slot < batch.count; slot++) {
    const n = batch.samples[slot]!
    const image = batch.images.subarray(slot * channels * voxels, (slot + 1) * channels * voxels)
    expect(image).toEqual(Float32Array.from({ length: channels * voxels }, (_, v) => intensity(n, v)))
    for (let v = 0; v < structures * voxels; v++) {
      const word = batch.maskBits[(slot * structures * voxels) / 32 + Math.floor(v / 32)]!
      if (((word >>> (v % 32)) & 1) !== Number(isMasked(n, v))) expect.fail(`mask bit ${v} of sample ${n}`)
    }
    expect(batch.presence[slot * structures + 1]).toBe(presenceOf(n, 1))
  }
}

test('shuffling is a function of seed and epoch, and an epoch can be entered in its middle', async () => {
  const split = await splitOf(9)
  const loader = load(split, { order: 'shuffled', dropLast: true })
  expect(loader.batchesPerEpoch).toBe(4)
  const order = [...loader.order(3)]
  expect([...order].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  expect([...load(split, { order: 'shuffled', batchSize: 4 }).order(3)]).toEqual(order)
  expect([...loader.order(4)]).not.toEqual(order)
  expect([...load(split, { order: 'shuffled', seed: 43 }).order(3)]).not.toEqual(order)
  const whole = await collect(loader.epoch(3))
  expect(whole.flatMap(batch => [...batch.samples])).toEqual(order.slice(0, 8))
  const resumed = await collect(load(split, { order: 'shuffled', dropLast: true }).epoch(3, 2))
  expect(resumed.map(({ waited, ...batch }) => batch)).toEqual(whole.slice(2).map(({ waited, ...batch }) => batch))
})

test('samples of another size are resampled: trilinear images, nearest masks', async () => {
  const split = await splitOf(2, 2)
  const to: [number, number, number] = [32, 16, 48]
  const [batch] = await collect(load(split, { imageSize: to }).epoch(0))
  const count = 32 * 16 * 48
  for (let at = 0; at < 2 * count; at += 97) {
    const [channel, h, w, d] = unravel(at, to)
    expect(batch!.images[at]!).toBeCloseTo(trilinear(0, channel, [h, w, d], to), 3)
    const v = channel * voxels + nearest([h, w, d], to)
    expect((batch!.maskBits[at >>> 5]! >>> (at % 32)) & 1).toBe(Number(isMasked(0, v)))
  }
})

function unravel(index: number, [height, width, depth]: number[]): [number, number, number, number] {
  const line = Math.floor(index / depth!)
  const plane = Math.floor(line / width!)
  return [Math.floor(plane / height!), plane % height!, line % width!, index % depth!]
}

/** The eight neighbours, weighted, by the definition. */
function trilinear(n: number, channel: number, at: number[], to: number[]): number {
  const place = at.map((i, axis) => Math.min(Math.max(((i + 0.5) * size[axis]!) / to[axis]! - 0.5, 0), size[axis]! - 1))
  let sum = 0
  for (let corner = 0; corner < 8; corner++) {
    const indices = place.map((x, axis) => Math.min(Math.floor(x) + ((corner >> axis) & 1), size[axis]! - 1))
    const shares = place.map((x, axis) => ((corner >> axis) & 1 ? x - Math.floor(x) : 1 - (x - Math.floor(x))))
    const v = channel * voxels + (indices[0]! * size[1] + indices[1]!) * size[2] + indices[2]!
    sum += shares[0]! * shares[1]! * shares[2]! * intensity(n, v)
  }
  return sum
}

function nearest(at: number[], to: number[]): number {
  const [h, w, d] = at.map((i, axis) => Math.floor(((i + 0.5) * size[axis]!) / to[axis]!)) as [number, number, number]
  return (h * size[1] + w) * size[2] + d
}

test('what does not fit is refused at once', async () => {
  const split = await splitOf(2)
  expect(() => load(split, { structures: 3 })).toThrow(/masks have 2 structures, the model has 3/)
  expect(() => load(split, { batchSize: 4, dropLast: true })).toThrow(/has 2 samples, fewer than one batch of 4/)
  expect(() => load(split, { imageSize: [16, 24, 16] })).toThrow(/16×24×16, expected every axis divisible by 16/)
})

test('a bad sample reaches the consumer at its batch, named; earlier batches are given out', async () => {
  const path = join(directory, 'bad.h5')
  const writer = await Hdf5Writer.create(path, [
    { name: 'images', kind: 'float32', rowShape: size },
    { name: 'masks', kind: 'bool', rowShape: [structures, ...size] },
    { name: 'presence_labels', kind: 'int64', rowShape: [structures] },
  ])
  for (let n = 0; n < 5; n++) {
    writer.append('images', new Float32Array(voxels).fill(n === 2 ? Number.NaN : n === 4 ? 0 : 1))
    writer.append('masks', new Uint8Array(structures * voxels).fill(n === 3 ? 2 : 1))
    writer.append('presence_labels', BigInt64Array.of(1n, 0n))
  }
  await writer.finish()
  const loader = load(await openSplit('train', path), { batchSize: 1 })
  const seen: number[] = []
  const consume = async (from: number) => {
    for await (const batch of loader.epoch(0, from)) seen.push(batch.samples[0]!)
  }
  await expect(consume(0)).rejects.toThrow(InputError)
  expect(seen).toEqual([0, 1])
  await expect(consume(2)).rejects.toThrow(/bad\.h5: dataset 'images' sample 2 has a voxel that is not a finite/)
  await expect(consume(3)).rejects.toThrow(
    /bad\.h5: dataset 'masks' sample 3 structure 0 has a value other than 0 and 1/,
  )
  await expect(consume(4)).rejects.toThrow(/bad\.h5: dataset 'images' sample 4 is empty/)
})

/** Batches as text, so that comparing them is quick: images and masks by their digest. */
function told(batches: readonly Batch[]): string[] {
  return batches.map(({ images, maskBits, waited, ...rest }) => {
    const digest = createHash('sha256').update(new Uint8Array(images.buffer)).update(new Uint8Array(maskBits.buffer))
    return JSON.stringify({ ...rest, digest: digest.digest('hex') })
  })
}

test('any number of threads gives the same batches, for two loaders at once', async () => {
  const [train, validation] = [await splitOf(23), await splitOf(7)]
  const given = async (threads: number) => {
    const decoders = decodersOf({ threads, patience: 0 })
    const from = { decoders, batchSize: 4 }
    const resampled = load(validation, { ...from, imageSize: [32, 16, 48] })
    const loaders = [load(train, { ...from, order: 'shuffled', dropLast: true }), resampled]
    const both = (await Promise.all(loaders.map(loader => collect(loader.epoch(0))))).flat()
    while (decoders.threads < threads) await collect(loaders[0]!.epoch(1)) // until all are there
    return told([...both, ...(await collect(loaders[0]!.epoch(1)))])
  }
  const expected = await given(0)
  expect(expected).toHaveLength(5 + 2 + 5)
  expect(workers).toHaveLength(0)
  for (const threads of [1, 4]) {
    expect(await given(threads)).toEqual(expected)
    expect(workers.splice(0)).toHaveLength(threads)
  }
})

/** h5py's own compression, where numbers and masks count upwards; make_filters.py wrote it. */
test.each([0, 1])('a file that lzf compressed is decoded, with %i threads', async threads => {
  const split = await openSplit('train', join(import.meta.dirname, '../hdf5/lzf.h5'))
  const loader = load(split, { decoders: decodersOf({ threads }), structures: 1 })
  const [batch] = await collect(loader.epoch(0))
  expect(batch!.images).toEqual(Float32Array.from({ length: 2 * 4096 }, (_, v) => v % 97))
  const bits = Array.from({ length: 2 * 4096 }, (_, v) => (batch!.maskBits[v >>> 5]! >>> (v % 32)) & 1)
  expect(bits).toEqual(Array.from({ length: 2 * 4096 }, (_, v) => Number(v % 97 > 40)))
})

const WRITE_LARGE = `
import sys, h5py, numpy
with h5py.File(sys.argv[1], 'w') as f:
    images = f.create_dataset('images', (700, 128, 128, 128), 'f4')
    masks = f.create_dataset('masks', (700, 1, 128, 128, 128), 'i1')
    images[699] = 7
    masks[699, 0, :64] = 1
    f['presence_labels'] = numpy.ones((700, 1), 'i8')
`

test('a file of 7 GB, nearly all of it holes: its last sample is read', async ctx => {
  if (!process.env.SADAAN_PYTHON) return ctx.skip('SADAAN_PYTHON names no python with h5py')
  const path = join(directory, 'large.h5')
  execFileSync(process.env.SADAAN_PYTHON, ['-c', WRITE_LARGE, path], { env: {} })
  expect(statSync(path).size).toBeGreaterThan(2 ** 32)
  const from = { structures: 1, batchSize: 1, decoders: decodersOf({ threads: 1 }) }
  const [batch] = await collect(load(await openSplit('train', path), from).epoch(0, 699))
  expect(batch!.images.every(voxel => voxel === 7)).toBe(true)
  expect(batch!.maskBits.indexOf(0)).toBe((64 * 128 * 128) / 32)
})

test.each([0, 2])('a flipped byte in a chunk is named at its batch, with %i threads', async threads => {
  const path = join(directory, `flipped-${threads}.h5`)
  await writeSplit(path, { samples: 6, structures, imageSize: size })
  await corruptChunk(path, 'masks', 4)
  const decoders = decodersOf({ threads, patience: 0 })
  const loader = load(await openSplit('train', path), { decoders })
  for (let round = 0; round < 3; round++) {
    const seen: number[] = []
    const consume = async () => {
      for await (const batch of loader.epoch(0)) seen.push(...batch.samples)
    }
    await expect(consume()).rejects.toThrow(/flipped-\d\.h5: dataset 'masks' sample 4 cannot be read/)
    expect(seen).toEqual([0, 1, 2, 3])
  }
})

test('more threads than cores or than samples ahead are not started', () => {
  expect(usefulThreads(0, 4, 8)).toBe(0)
  expect(usefulThreads(8, 4, 16)).toBe(8)
  expect(usefulThreads(8, 2, 16)).toBe(4)
  expect(usefulThreads(8, 4, 2)).toBe(2)
})

test('a second thread is started only when the first keeps somebody waiting', async () => {
  const decoders = decodersOf({ threads: 2, patience: 1e6 })
  await collect(load(await splitOf(23), { decoders }).epoch(0))
  expect(decoders.threads).toBe(1)
  expect(workers).toHaveLength(1)
})

test('host memory stays at three batches, and what nobody needs is freed', async () => {
  const decoders = decodersOf({ threads: 1, cleanupFrequency: 3 })
  const loader = load(await splitOf(23), { decoders, batchSize: 1 })
  const batch = voxels * 4 + (structures * voxels) / 8
  for await (const _ of loader.epoch(0)) expect(decoders.buffers.bytes).toBeLessThanOrEqual(3 * batch)
  for await (const _ of load(await splitOf(23), { decoders, batchSize: 5 }).epoch(0)) break
  expect(decoders.buffers.bytes).toBeGreaterThan(3 * batch)
  await collect(loader.epoch(1))
  expect(decoders.buffers.bytes).toBe(3 * batch)
})

test('a thread that dies is replaced at the same place; dying again is an error', async () => {
  const decoders = decodersOf()
  const loader = load(await splitOf(9), { decoders, batchSize: 1, order: 'shuffled' })
  const seen: number[] = []
  for await (const batch of loader.epoch(0)) {
    checkBatch(batch, 1)
    seen.push(batch.samples[0]!)
    if (seen.length === 3) await workers[0]!.terminate()
  }
  expect(seen).toEqual([...loader.order(0)])
  expect(workers).toHaveLength(2)
  const next = loader.epoch(1)
  const kill = (worker: Worker): Promise<number> => worker.terminate()
  process.on('worker', kill)
  workers[1]!.terminate()
  await expect(next.next()).rejects.toThrow(/9-undefined\.h5: sample \d+: a decoding thread failed twice/)
  process.off('worker', kill)
})

/** In a thread: once it has said that it is ready, it hangs instead of answering. Nothing happens before it has a port, or twice. */
const HANG = `{
  const { parentPort } = process.getBuiltinModule('node:worker_threads')
  if (parentPort && !Object.hasOwn(parentPort, 'postMessage')) {
    const { postMessage } = parentPort
    let isReady = false
    parentPort.postMessage = reply => {
      if (isReady) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
      isReady = true
      postMessage.call(parentPort, reply)
    }
  }
}`
const BETWEEN_CALLS = 5 // milliseconds; loading HDF5, before a thread is ready, takes many times as long

/** Lets the first `count` threads hang that start while `body` runs: the debugger changes them. */
async function withHangingThreads(count: number, body: () => Promise<void>): Promise<void> {
  const session = new Session()
  session.connect()
  let started = 0
  const hanging = new Set<string>()
  session.on('NodeWorker.attachedToWorker', ({ params: { sessionId } }) => {
    if (++started <= count) hanging.add(sessionId)
  })
  session.on('NodeWorker.detachedFromWorker', ({ params: { sessionId } }) => hanging.delete(sessionId))
  session.post('NodeWorker.enable', { waitForDebuggerOnStart: false })
  const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: HANG } })
  const timer = setInterval(() => {
    for (const sessionId of hanging) session.post('NodeWorker.sendMessageToWorker', { sessionId, message })
  }, BETWEEN_CALLS)
  try {
    await body()
  } finally {
    clearInterval(timer)
    session.disconnect()
  }
}

test('a thread that hangs is replaced at the same place; hanging again is an error', async () => {
  const split = await splitOf(5)
  const expected = told(await collect(load(split).epoch(0)))
  await withHangingThreads(3, async () => {
    const hanging = load(split, { decoders: decodersOf({ hangSeconds: 1 }) })
    await expect(hanging.epoch(0).next()).rejects.toThrow(
      /5-undefined\.h5: sample 0: a decoding thread failed twice: it did not answer for 1 s/,
    )
    expect(workers).toHaveLength(2)
    // the third thread hangs, the one that replaces it does not
    const mended = load(split, { decoders: decodersOf({ hangSeconds: 1 }) })
    expect(told(await collect(mended.epoch(0)))).toEqual(expected)
    expect(workers).toHaveLength(4)
  })
})
