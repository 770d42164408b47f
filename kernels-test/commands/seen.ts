import type { Config } from '../../src/config/schema.ts'
import type { Tape } from '../../src/graph/tape.ts'
import { type Tensor, tensorsOf } from '../../src/graph/tensor.ts'
import { ModelState } from '../../src/nn/model_state.ts'
import { initialisationOf, writeInitial } from '../../src/run/model_weights.ts'
import { batchTensors, recordTraining } from '../../src/run/tapes.ts'
import { knownChoice } from '../../src/run/variants.ts'
import { type HostBatch, TrainingEngine } from '../../src/train/engine.ts'
import { sizeOf } from '../../src/util/shape.ts'
import { intensity, isMasked, presenceOf } from '../data/small_dataset.ts'
import { runOnce, testDevice } from '../harness.ts'
import { SIZE, STRUCTURES } from './documented.ts'

const at = await testDevice()
const VOXELS = sizeOf(SIZE)

function shapeOf({ model }: Config) {
  return { structures: STRUCTURES.length, size: SIZE, inChannels: 1, channels: model.channels }
}

/** Batch 0 of the usual dataset as it lies there. */
export function firstBatch({ training }: Config): HostBatch {
  const samples = Uint32Array.from({ length: training.batch_size }, (_, n) => n)
  const all = (each: number, value: (n: number, i: number) => number) =>
    Float32Array.from({ length: samples.length * each }, (_, i) => value(Math.floor(i / each), i % each))
  const maskBits = new Uint32Array((samples.length * STRUCTURES.length * VOXELS) / 32)
  for (let bit = 0; bit < maskBits.length * 32; bit++) {
    const each = STRUCTURES.length * VOXELS
    if (isMasked(Math.floor(bit / each), bit % each)) maskBits[bit >> 5]! |= 1 << (bit & 31)
  }
  return { images: all(VOXELS, intensity), maskBits, presence: all(STRUCTURES.length, presenceOf), samples }
}

export function keysOf(config: Config, { samples }: HostBatch): Uint32Array {
  return Uint32Array.from([...samples].flatMap(sample => [config.seed, 0, sample, 0]))
}

/** What the first layer reads of batch 0 in epoch 0, by the plan that a configuration makes. */
export async function voxelsSeen(config: Config): Promise<Float32Array> {
  const host = firstBatch(config)
  const state = new ModelState(shapeOf(config))
  const batch = batchTensors(state, host.samples.length)
  const { calls } = recordTraining(state, batch, config, STRUCTURES)
  const first = calls.findIndex(({ label }) => label.startsWith('encoder.enc1.0'))
  const image = tensorsOf(calls[first]!.args).find(({ shape }) => shape.join() === batch.image.shape.join())!
  if (image === batch.image) return host.images
  const values = new Map<Tensor, Float32Array | Uint32Array>([
    [batch.image, host.images],
    [batch.maskBits, host.maskBits],
    [batch.presence, host.presence],
    [batch.keys, keysOf(config, host)],
  ])
  const before = { calls: calls.slice(0, first) } as unknown as Tape
  const { seen } = await runOnce(at, before, values, { seen: image })
  return seen as Float32Array
}

/** The total loss of batch 0 in epoch 0 with the initial weights, by the kernels that a run takes. */
export async function firstLoss(config: Config): Promise<number> {
  const host = firstBatch(config)
  const { device } = at
  const choice = knownChoice(device, config, () => undefined)
  const { length } = host.samples
  const spec = { config, shape: shapeOf(config), structureNames: STRUCTURES, batchSize: length, choice }
  const engine = await TrainingEngine.allocate(device, spec)
  await engine.prepare()
  writeInitial(engine.storage, engine.state, initialisationOf(config))
  const { terms } = await engine.accumulate(host, { seed: config.seed, epoch: 0, share: 1, first: true })
  await engine.close()
  return terms.total
}
