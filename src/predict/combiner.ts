import type { Ensemble } from '../run/ensemble.ts'
import { mirrorPartners } from '../util/mirror.ts'
import type { ImageSize } from '../util/shape.ts'
import { Aggregator } from './aggregator.ts'
import { EnsembleMean } from './ensemble_mean.ts'
import type { PredictionHead } from './files.ts'
import type { ModelInput } from './inputs.ts'
import { volumeNames } from './subject_files.ts'
import type { RawOutputs, SubjectPrediction } from './subject_prediction.ts'

/** Volumes of a subject larger than this go to a temporary file, bytes. */
const MEMORY_LIMIT = 2 ** 30

/** Makes one prediction of all passes over a subject: those of each model are combined, then the models are averaged. */
export class Combiner {
  private readonly passes: Aggregator
  private readonly means: EnsembleMean

  /** `scratch` says where a temporary file may be. */
  constructor({ models, common }: Ensemble, head: PredictionHead, scratch: (name: string) => string) {
    const { structures, size } = common.shape
    const volumes = { structures, names: volumeNames(head), scratch, memoryLimit: MEMORY_LIMIT }
    const window: ImageSize = [...size]
    const partners = mirrorPartners(head.structureNames)
    this.passes = new Aggregator({ ...volumes, window, partners, flips: head.flips.length })
    this.means = new EnsembleMean({ ...volumes, models: models.length, hasUncertainty: head.hasUncertainty })
  }

  /** Passes the prediction of the subject to `use` after its last pass; it is valid until `use` returns. */
  add(pass: ModelInput, outputs: RawOutputs, use: (prediction: SubjectPrediction) => void): void {
    const { index, frame } = pass.subject
    const prediction = this.passes.add(pass, outputs)
    if (prediction) this.means.add(index, frame.size, prediction, use)
  }

  /** Drops what is known of a subject that cannot be predicted. */
  forget(index: number): void {
    this.means.forget(index)
  }

  /** Removes temporary files. */
  close(): void {
    this.passes.close()
    this.means.close()
  }
}
