import { parseModelFile } from '../../../checkpoint/model_file.ts'
import { defaultConfig } from '../../../config/schema.ts'
import type { Preparation } from '../../../data/scan/preparation.ts'
import { Device } from '../../../gpu/device.ts'
import { recorderFor } from '../../../predict/passes.ts'
import { preparationFor } from '../../../predict/preparation_for.ts'
import type { RawName } from '../../../predict/subject_prediction.ts'
import { InferenceEngine, type InferenceSpec } from '../../../run/inference.ts'
import { totalOf } from '../../../run/memory.ts'
import {
  presenceThresholdFor,
  structureNamesOf,
  type TrainedModel,
  trainedModelOf,
} from '../../../run/trained_model.ts'
import type { ModelFacts, Report } from './messages.ts'
import { bytesOf } from './scan_files.ts'

/** A model on the GPU of the browser. */
export interface OpenModel {
  model: TrainedModel
  preparation: Preparation
  engine: InferenceEngine<RawName>
  facts: ModelFacts
}

/**
 * Reads a model, tells how much memory it needs, and puts it on the GPU. Throws InputError: no SADAAN, or none that the adapter can hold;
 * NoAdapterError, DeviceLostError.
 */
export async function openModel(file: File, tell: (report: Report) => void): Promise<OpenModel> {
  const say = (line: string): void => tell({ kind: 'said', line })
  const model = trainedModelOf(parseModelFile(await bytesOf(file), file.name), file.name)
  const preparation = preparationFor(model, say)
  const device = await Device.open()
  device.gpu.lost.then(({ reason, message }) => tell({ kind: 'lost', line: message || reason }))
  const spec: InferenceSpec<RawName> = {
    models: [model],
    batchSize: 1,
    record: recorderFor(['presence_probs', 'segmentation_probs']),
    isPinned: false,
    planned: need => tell({ kind: 'planned', adapter: device.name, memory: totalOf(need) }),
    compiling: (done, all) => tell({ kind: 'progress', what: 'Compiling kernels', done, all }),
  }
  const engine = await InferenceEngine.openFitting(device, spec, say)
  const facts: ModelFacts = {
    name: file.name,
    structureNames: structureNamesOf(model),
    size: model.shape.size,
    channelNames: model.channelNames ?? Array.from({ length: model.shape.inChannels }, (_, c) => `channel ${c + 1}`),
    presenceThreshold: presenceThresholdFor(model, { config: defaultConfig() }),
    canSlide: model.patches && preparation.frame.kind === 'spacing',
  }
  return { model, preparation, engine, facts }
}
