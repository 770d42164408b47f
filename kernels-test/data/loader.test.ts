import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { afterEach, expect, test } from 'vitest'
import { openSplit, type Split } from '../../src/data/dataset.ts'
import { Hdf5Writer } from '../../src/data/hdf5_writer.ts'
import { type Batch, Loader, type LoaderOptions } from '../../src/data/loader.ts'
import { InputError } from '../../src/util/error.ts'
import { intensity, isMasked, presenceOf, temporaryDirectory, writeSplit } from './small_dataset.ts'

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

const opened: Loader[] = []
afterEach(async () => {
  for (const loader of opened.splice(0)) await loader.close()
})
function load(split: Split, options: Partial<LoaderOptions> = {}): Loader {
  const defaults = { structures, batchSize: 2, order: 'sequential', seed: 42, dropLast: false } as const
  const loader = new Loader({ split, ...defaults, ...options })
  opened.push(loader)
  return loader
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
  expect(() => load(split, { imageSize: [16, 24, 16] })).toThrow(/16×24×16: every axis must divide by 16/)
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

test('a worker that dies is restarted at the same place; dying again is an error', async () => {
  const workers: Worker[] = []
  const listen = (worker: Worker): number => workers.push(worker)
  process.on('worker', listen)
  const loader = load(await splitOf(9), { batchSize: 1, order: 'shuffled' })
  const seen: number[] = []
  for await (const batch of loader.epoch(0)) {
    checkBatch(batch, 1)
    seen.push(batch.samples[0]!)
    if (seen.length === 3) await workers[0]!.terminate()
  }
  expect(seen).toEqual([...loader.order(0)])
  expect(workers).toHaveLength(2)
  const next = loader.epoch(1)
  process.on('worker', worker => worker.terminate())
  workers[1]!.terminate()
  await expect(next.next()).rejects.toThrow(/the decoding thread died twice/)
  process.removeAllListeners('worker')
})
