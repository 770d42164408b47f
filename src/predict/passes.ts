import type { Tensor } from '../graph/tensor.ts'
import type { Ensemble } from '../run/ensemble.ts'
import type { InferenceEngine, Recorder } from '../run/inference.ts'
import { recordPrediction } from '../run/tapes.ts'
import type { ImageSize } from '../util/shape.ts'
import { type BadSubjects, checkFinite } from './bad_subjects.ts'
import { Combiner } from './combiner.ts'
import type { PredictionHead } from './files.ts'
import { type ModelInputBatch, passesOf, type Share } from './inputs.ts'
import type { RawName, RawOutputs, SubjectPrediction } from './subject_prediction.ts'
import type { SubjectPlace, Subjects } from './subjects.ts'

/** Records a prediction of which the host reads these outputs. */
export function recorderFor(names: readonly RawName[]): Recorder<RawName> {
  return batch => state => {
    const { calls, outputs } = recordPrediction(state, batch)
    return { calls, outputs: Object.fromEntries(names.map(name => [name, outputs[name]])) as Record<RawName, Tensor> }
  }
}

/** A prediction of subjects: by whom, and how. */
export interface SubjectPasses {
  ensemble: Ensemble
  head: PredictionHead
  subjects: Subjects
  /** of them; all by default */
  share?: Share
  engine: InferenceEngine<RawName>
  /** gets those that cannot be predicted */
  bad: BadSubjects
  /** says where a temporary file may be */
  scratch(name: string): string
}

/** Who takes the results. */
export interface SubjectUser {
  /** gets the prediction of a subject, which is valid until it returns, and the outputs of its last pass */
  use(subject: SubjectPlace, prediction: SubjectPrediction, outputs: RawOutputs): void
  /** is called with the number of passes in each batch, once their outputs are combined */
  afterBatch(passes: number): void
}

/** Runs all passes over all subjects and combines them. Throws InputError if no subject can be predicted. */
export async function predictSubjects(task: SubjectPasses, { use, afterBatch }: SubjectUser): Promise<void> {
  const { ensemble, head, subjects, share = { from: 0, to: subjects.count }, engine, bad, scratch } = task
  const { models, common } = ensemble
  const { size, inChannels } = common.shape
  const { overlap = 0, flips } = head
  const window: ImageSize = [...size]
  const plan = { share, window, channels: inChannels, overlap, flips, models: models.length }
  const combiner = new Combiner(ensemble, head, scratch)
  const take = (outputs: RawOutputs, { passes, model }: ModelInputBatch): void => {
    for (const [i, pass] of passes.entries()) {
      const { index } = pass.subject
      if (bad.has(index)) continue
      try {
        const own = passOf(outputs, i, engine.batchSize)
        const whose = models.length === 1 ? "the model's" : `${models[model]!.path}'s`
        checkFinite(own, { where: subjects.whereIs(index), whose }, head.structureNames)
        combiner.add(pass, own, prediction => use(pass.subject, prediction, own))
      } catch (error) {
        bad.add(index, error)
        combiner.forget(index)
      }
    }
    afterBatch(passes.length)
  }
  try {
    await engine.runAll(passesOf(subjects, plan, engine.batchSize, bad), take)
    bad.checkAnyLeft()
  } finally {
    combiner.close()
  }
}

/** The outputs of pass `i` of a batch. */
function passOf(outputs: RawOutputs, i: number, batchSize: number): RawOutputs {
  const entries = Object.entries(outputs).map(([name, values]) => {
    const length = values.length / batchSize
    return [name, values.subarray(i * length, (i + 1) * length)]
  })
  return Object.fromEntries(entries) as RawOutputs
}
