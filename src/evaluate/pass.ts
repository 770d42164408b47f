import { availableParallelism } from 'node:os'
import type { Config } from '../config/schema.ts'
import type { Split } from '../data/dataset/split.ts'
import type { Decoders } from '../data/loader/decoders.ts'
import { type Batch, Loader } from '../data/loader/loader.ts'
import type { Device } from '../gpu/device.ts'
import type { SampleView } from '../report/sample/view.ts'
import { InferenceEngine, type Recorder } from '../run/inference.ts'
import type { MemoryNeed } from '../run/memory.ts'
import { decodersFor } from '../run/open.ts'
import { sampleView, type ViewSetting } from '../run/sample_view.ts'
import { recordEvaluation } from '../run/tapes.ts'
import type { TrainedModel } from '../run/trained_model.ts'
import { knownChoice } from '../run/variants.ts'
import { sizeOf } from '../util/shape.ts'
import type { Spacing } from './distance_transform.ts'
import type { MeasuredBatch, SampleFacts } from './judged_pair.ts'
import type { SurfaceDistances } from './surface_distance.ts'
import { SurfaceThreads } from './surface_threads.ts'

type Read = 'pairs' | 'presenceProbability' | 'predicted'
type Outputs = Record<Read, Float32Array>
/** A batch of the loader, and its masks sample by sample: copies, for the batch itself is soon another one's. */
type CopiedBatch = Batch & { truth: Uint32Array<ArrayBuffer>[] }

/** A trained model over one split: once over all of it for figures, then over chosen samples for pictures. */
export class EvaluationPass {
  private readonly model: TrainedModel
  private readonly split: Split
  private readonly loader: Loader
  private readonly decoders: Decoders
  private readonly engine: InferenceEngine<Read, 'attention'>
  private readonly surfaces: SurfaceThreads

  private constructor(model: TrainedModel, split: Split, config: Config, engine: InferenceEngine<Read, 'attention'>) {
    this.model = model
    this.split = split
    this.engine = engine
    this.decoders = decodersFor(config, engine.batchSize)
    this.surfaces = new SurfaceThreads(Math.max(1, Math.min(config.training.num_workers, availableParallelism())))
    this.loader = new Loader({
      split,
      decoders: this.decoders,
      structures: model.shape.structures,
      batchSize: engine.batchSize,
      order: 'sequential',
      seed: 0,
      imageSize: [...model.shape.size],
      dropLast: false,
    })
  }

  /** With the largest batch that the adapter holds, up to the configured one. */
  static async open(
    device: Device,
    model: TrainedModel,
    split: Split,
    config: Config,
    say: (line: string) => void,
  ): Promise<EvaluationPass> {
    const wanted = Math.min(config.training.batch_size, split.samples)
    const engine = await InferenceEngine.openFitting(device, model, wanted, recorderFor(config), say, {
      choice: knownChoice(device, config, say),
      isPinned: config.training.pin_memory,
    })
    return new EvaluationPass(model, split, config, engine)
  }

  get batchSize(): number {
    return this.engine.batchSize
  }

  get need(): MemoryNeed {
    return this.engine.need
  }

  /**
   * Hands every batch to `use`, in order, once all is measured. Threads measure surfaces while the adapter is at the next batches; it
   * waits where they fall two batches behind.
   */
  async measure(
    use: (batch: MeasuredBatch, facts: SampleFacts[]) => void,
    progress: (samples: number) => void,
  ): Promise<void> {
    const measured: { batch: Promise<MeasuredBatch>; facts: SampleFacts[] }[] = []
    let done = 0
    await this.engine.runAll(this.batches(), (outputs, host) => {
      const facts = Array.from({ length: host.count }, (_, i) => this.factsOf(host.samples[i]!))
      const before = measured.at(-1)?.batch
      const batch = this.measureBatch(outputs, host, facts)
      batch.catch(() => undefined) // reported when its turn comes
      measured.push({ batch, facts })
      done += host.count
      progress(done)
      return before?.then(() => undefined)
    })
    for (const { batch, facts } of measured) use(await batch, facts)
  }

  private async *batches(): AsyncGenerator<CopiedBatch, void, void> {
    const words = (this.model.shape.structures * sizeOf(this.model.shape.size)) / 32
    for await (const batch of this.loader.epoch(0)) {
      const truth = Array.from({ length: batch.count }, (_, i) =>
        Uint32Array.from(batch.maskBits.subarray(i * words, (i + 1) * words)),
      )
      yield { ...batch, truth }
    }
  }

  private async measureBatch(
    { pairs, presenceProbability, predicted }: Outputs,
    { presence, truth }: CopiedBatch,
    facts: readonly SampleFacts[],
  ): Promise<MeasuredBatch> {
    const surfaces = await Promise.all(truth.map((masks, i) => this.surfacesOf(masks, predicted, presence, facts, i)))
    return { pairs, presence, presenceProbability, surfaces: surfaces.flat() }
  }

  /** (S) of sample `i` of a batch. */
  private async surfacesOf(
    truth: Uint32Array<ArrayBuffer>,
    predicted: Float32Array,
    presence: Float32Array,
    facts: readonly SampleFacts[],
    i: number,
  ): Promise<(SurfaceDistances | null)[]> {
    const { structures, size } = this.model.shape
    const found = new Array<SurfaceDistances | null>(structures).fill(null)
    const present = Array.from(found.keys()).filter(s => presence[i * structures + s]! > 0.5)
    const measured = await this.surfaces.measure({
      truth,
      predicted: wordsOf(predicted).slice(i * truth.length, (i + 1) * truth.length),
      size,
      spacing: facts[i]!.spacing ?? [1, 1, 1],
      structures: present,
    })
    for (const [at, s] of present.entries()) found[s] = measured[at]!
    return found
  }

  private factsOf(sample: number): SampleFacts {
    const { scenarios, subjects } = this.split
    return { scenario: scenarios[sample]!, subject: subjects[sample]!, spacing: this.spacingOf(sample) }
  }

  /** Of the model's voxels, which cover the same field of view as the stored ones. */
  private spacingOf(sample: number): Spacing | undefined {
    const { spacing, imageSize } = this.split
    if (!spacing) return undefined
    const along = (axis: 0 | 1 | 2): number =>
      (spacing[3 * sample + axis]! * imageSize[axis]) / this.model.shape.size[axis]
    return [along(0), along(1), along(2)]
  }

  /** Sample `index` of the split with masks and attention, from the same batch as before: what is seen is what was measured. */
  async look(index: number, setting: Omit<ViewSetting, 'shape'>, title: string): Promise<SampleView> {
    const i = index % this.batchSize
    for await (const host of this.loader.epoch(0, Math.floor(index / this.batchSize))) {
      const { presenceProbability, predicted } = await this.engine.run(host)
      const attention = await this.engine.readKept('attention', i)
      const seen = { ...host, presenceProbability, predicted: wordsOf(predicted) }
      return sampleView({ shape: this.model.shape, ...setting }, seen, i, title, attention)
    }
    throw new Error(`no sample ${index} in ${this.split.path}`)
  }

  async close(): Promise<void> {
    await Promise.all([this.decoders.close(), this.surfaces.close()])
    this.engine.destroy()
  }
}

/** The loss's sums over each pair's voxels tell overlap; surfaces need the masks, at one bit a voxel. */
function recorderFor(config: Config): Recorder<Read, 'attention'> {
  // f16 is for training: what a model is worth is told as exactly as its weights are
  const exact = { ...config, compute: { ...config.compute, precision: 'f32' as const } }
  return (state, batch) => {
    const { calls, outputs } = recordEvaluation(state, batch, exact)
    const { pairs, presenceProbability, predicted, attention } = outputs
    return { calls, outputs: { pairs, presenceProbability, predicted }, kept: { attention } }
  }
}

/** Words that were read back as floats. */
function wordsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array<ArrayBuffer> {
  return new Uint32Array(buffer as ArrayBuffer, byteOffset, length)
}
