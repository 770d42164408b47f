import { availableParallelism } from 'node:os'
import { deserialize, serialize } from 'node:v8'
import type { Config } from '../config/schema.ts'
import { type Split, spacingOn } from '../data/dataset/split.ts'
import { type Batch, Loader } from '../data/loader/loader.ts'
import type { Ranks } from '../distributed/ranks.ts'
import type { Device } from '../gpu/device.ts'
import type { SampleView } from '../report/sample/view.ts'
import { checkOutputs } from '../run/finite_outputs.ts'
import { InferenceEngine, type InferenceSpec, type Recorder } from '../run/inference.ts'
import type { MemoryNeed } from '../run/memory.ts'
import { decodersFor } from '../run/open.ts'
import { sampleView, type ViewSettings } from '../run/sample_view.ts'
import { ensembleSums, recordEnsembleEvaluation, recordEvaluation } from '../run/tapes.ts'
import type { TrainedModel } from '../run/trained_model.ts'
import { choiceOfRanks } from '../run/variants.ts'
import { Closer } from '../util/closer.ts'
import { type ImageSize, sizeOf } from '../util/shape.ts'
import type { Spacing } from './distance_transform.ts'
import type { MeasuredBatch, SampleFacts } from './judged_pair.ts'
import type { SurfaceDistances } from './surface_distance.ts'
import { SurfaceThreads } from './surface_threads.ts'

type Read = 'pairs' | 'presenceProbability' | 'predicted'
type Outputs = Record<Read, Float32Array>
/** A batch of the loader with copies of its masks, since the loader reuses the batch, for one of the models. */
interface CopiedBatch extends Batch {
  truth: Uint32Array<ArrayBuffer>[] // (S, V/32) of each sample
  model: number
}

/** A batch with what is known about its samples. */
interface Measured {
  batch: MeasuredBatch
  facts: SampleFacts[]
  /** of several ranks, where masks are kept */
  kept: { sample: number; masks: Uint32Array }[] // (S, V/32)
}

interface PassOptions {
  models: readonly TrainedModel[]
  split: Split
  config: Config
  /** share the batches */
  ranks: Ranks
  say(line: string): void
  compiling?: ((done: number, all: number) => void) | undefined
}

interface Opened extends Pick<PassOptions, 'models' | 'split' | 'ranks'> {
  engine: InferenceEngine<Read, 'attention'>
  loader: Loader
  surfaces: SurfaceThreads
  closer: Closer
}

/** A trained model, or the mean of several, and a split: one pass over all samples for the metrics, then over selected samples for pictures. */
export class EvaluationPass {
  private readonly models: readonly TrainedModel[]
  private readonly shape: TrainedModel['shape']
  private readonly split: Split
  private readonly ranks: Ranks
  private readonly engine: InferenceEngine<Read, 'attention'>
  private readonly loader: Loader
  private readonly surfaces: SurfaceThreads
  private readonly closer: Closer

  private constructor({ models, split, ranks, engine, loader, surfaces, closer }: Opened) {
    this.models = models
    this.shape = models[0]!.shape
    this.split = split
    this.ranks = ranks
    this.engine = engine
    this.loader = loader
    this.surfaces = surfaces
    this.closer = closer
  }

  /** Uses the largest batch that the adapter holds, up to the configured one. */
  static open(device: Device, { models, split, config, ranks, say, compiling }: PassOptions): Promise<EvaluationPass> {
    return Closer.opening(async closer => {
      const { training } = config
      const spec: InferenceSpec<Read, 'attention'> = {
        models,
        batchSize: Math.min(training.batch_size, split.samples),
        record: recorderFor(config, models.length),
        choice: await choiceOfRanks(ranks, device, config, say),
        isPinned: training.pin_memory,
        ...(compiling && { compiling }),
      }
      const engine = closer.add(await InferenceEngine.openFitting(device, spec, say), each => each.close())
      const { batchSize } = engine
      await ranks.requireSame('the batch size that fits', String(batchSize))
      const decoders = closer.add(decodersFor(config, batchSize), each => each.close())
      const threads = Math.max(1, Math.min(training.num_workers, availableParallelism()))
      const surfaces = closer.add(new SurfaceThreads(threads), each => each.close())
      const { structures, size } = models[0]!.shape
      const imageSize: ImageSize = [...size]
      const order = { order: 'sequential', dropLast: false, seed: 0 } as const
      const loader = new Loader({ split, decoders, structures, batchSize, imageSize, ...order })
      return new EvaluationPass({ models, split, ranks, engine, loader, surfaces, closer })
    })
  }

  get batchSize(): number {
    return this.engine.batchSize
  }

  get need(): MemoryNeed {
    return this.engine.need
  }

  /**
   * Passes every batch to `use`, in order, after all have been measured. Threads measure surfaces while the adapter runs the next batches,
   * which wait if the threads fall two batches behind. Several ranks take the batches in turn, and each passes all to `use`. `keep` gets the masks
   * (S, V/32) of each sample, in order, without the presence gate, valid until it returns; either all ranks give it or none. Throws InputError if
   * an output is not finite.
   */
  async measure(
    use: (batch: MeasuredBatch, facts: SampleFacts[]) => void,
    progress: (samples: number) => void,
    keep?: (sample: number, masks: Uint32Array) => void,
  ): Promise<void> {
    const words = (this.shape.structures * sizeOf(this.shape.size)) / 32
    const measured: (Omit<Measured, 'batch'> & { batch: Promise<MeasuredBatch> })[] = []
    const { size } = this.ranks
    let done = 0
    await this.engine.runAll(this.batches(), (outputs, host) => {
      const indices = [...host.samples.subarray(0, host.count)]
      checkOutputs(outputs, indices, { model: this.models[host.model]!, path: this.split.path })
      if (host.model < this.models.length - 1) return undefined
      const facts = Array.from({ length: host.count }, (_, i) => this.factsOf(host.samples[i]!))
      const masks = wordsOf(outputs.predicted)
      const kept: Measured['kept'] = []
      if (keep)
        for (const [i, sample] of indices.entries()) {
          const own = masks.subarray(i * words, (i + 1) * words)
          if (size === 1) keep(sample, own)
          else kept.push({ sample, masks: own.slice() }) // the outputs are reused before all ranks meet
        }
      const before = measured.at(-1)?.batch
      const batch = this.measureBatch(outputs, host, facts)
      batch.catch(() => undefined) // awaited, and thrown, below
      measured.push({ batch, facts, kept })
      done += host.count
      progress(Math.min(this.split.samples, done * size)) // the others are about as far
      return before?.then(() => undefined)
    })
    const own: Measured[] = []
    for (const each of measured) own.push({ ...each, batch: await each.batch })
    for (const { batch, facts, kept } of await this.gathered(own)) {
      use(batch, facts)
      for (const { sample, masks } of kept) keep!(sample, masks)
    }
  }

  /** The batches of all ranks, in order. */
  private async gathered(own: readonly Measured[]): Promise<readonly Measured[]> {
    const { size } = this.ranks
    if (size === 1) return own
    this.ranks.timeout = Number.POSITIVE_INFINITY // the shares may take hours, one longer than another
    const all = (await this.ranks.gather(serialize(own))).map(bytes => deserialize(bytes) as Measured[])
    return Array.from({ length: this.loader.batchesPerEpoch }, (_, b) => all[b % size]![Math.floor(b / size)]!)
  }

  /** Every batch of this rank once for each model, in the order of the models. */
  private async *batches(): AsyncGenerator<CopiedBatch, void, void> {
    const words = (this.shape.structures * sizeOf(this.shape.size)) / 32
    const { rank, size } = this.ranks
    for await (const batch of this.loader.epoch(0, 0, b => b % size === rank)) {
      const truth = Array.from({ length: batch.count }, (_, i) =>
        Uint32Array.from(batch.maskBits.subarray(i * words, (i + 1) * words)),
      )
      for (const model of this.models.keys()) yield { ...batch, truth, model }
    }
  }

  private async measureBatch(
    { pairs, presenceProbability, predicted }: Outputs,
    { presence, truth }: CopiedBatch,
    facts: readonly SampleFacts[],
  ): Promise<MeasuredBatch> {
    const { structures } = this.shape
    const surfaces = truth.map((masks, i) =>
      this.surfacesOf({
        truth: masks,
        predicted: wordsOf(predicted).slice(i * masks.length, (i + 1) * masks.length),
        presence: presence.slice(i * structures, (i + 1) * structures),
        spacing: facts[i]!.spacing ?? [1, 1, 1],
      }),
    )
    return { pairs, presence, presenceProbability, surfaces: (await Promise.all(surfaces)).flat() }
  }

  /** (S) of one sample; null for structures that are not present. */
  private async surfacesOf({ truth, predicted, presence, spacing }: SampleMasks): Promise<(SurfaceDistances | null)[]> {
    const { structures, size } = this.shape
    const found = new Array<SurfaceDistances | null>(structures).fill(null)
    const present = Array.from(found.keys()).filter(s => presence[s]! > 0.5)
    const measured = await this.surfaces.measure({ truth, predicted, size, spacing, structures: present })
    for (const [at, s] of present.entries()) found[s] = measured[at]!
    return found
  }

  private factsOf(sample: number): SampleFacts {
    const { scenarios, subjects } = this.split
    return {
      scenario: scenarios[sample]!,
      subject: subjects[sample]!,
      spacing: spacingOn(this.split, sample, this.shape.size),
    }
  }

  /** Sample `index` of the split with masks and attention, computed in the same batch as its metrics. */
  async look(index: number, settings: Omit<ViewSettings, 'shape' | 'split'>, title: string): Promise<SampleView> {
    const i = index % this.batchSize
    for await (const host of this.loader.epoch(0, Math.floor(index / this.batchSize))) {
      const { pairs, presenceProbability, predicted } = await this.engine.runEach(host)
      const attention = await this.engine.readKept('attention', i)
      const batch = { ...host, pairs, presenceProbability, predicted: wordsOf(predicted) }
      const all = { shape: this.shape, split: this.split, ...settings }
      return sampleView(all, batch, { index: i, title, attention })
    }
    throw new Error(`no sample ${index} in ${this.split.path}`)
  }

  close(): Promise<void> {
    return this.closer.close()
  }
}

interface SampleMasks {
  truth: Uint32Array<ArrayBuffer> // (S, V/32)
  predicted: Uint32Array<ArrayBuffer> // (S, V/32)
  presence: Float32Array // (S)
  spacing: Spacing
}

/** Overlap follows from the loss's sums over voxels. Surfaces need the masks, at one bit per voxel. */
function recorderFor(config: Config, models: number): Recorder<Read, 'attention'> {
  // f16 is for training only: evaluation uses the full precision of the weights
  const exact = { ...config, compute: { ...config.compute, precision: 'f32' as const } }
  return batch => {
    const sums = ensembleSums(batch)
    return state => {
      const { calls, outputs } =
        models === 1 ? recordEvaluation(state, batch, exact) : recordEnsembleEvaluation(state, batch, sums, exact)
      const { pairs, presenceProbability, predicted, attention } = outputs
      return { calls, outputs: { pairs, presenceProbability, predicted }, kept: { attention } }
    }
  }
}

/** Words read back as floats. */
function wordsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array<ArrayBuffer> {
  return new Uint32Array(buffer as ArrayBuffer, byteOffset, length)
}
