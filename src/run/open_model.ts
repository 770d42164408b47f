import { readModelFile } from '../checkpoint/weights.ts'
import { weightsPath } from '../models/registry.ts'
import { type TrainedModel, trainedModelOf } from './trained_model.ts'

/**
 * Reads .pth (ours, the original's or a bare state_dict) or safetensors; the name of a shipped model stands for its file. Throws InputError
 * if the file holds no SADAAN.
 */
export function openTrainedModel(nameOrPath: string): TrainedModel {
  const path = weightsPath(nameOrPath)
  return trainedModelOf(readModelFile(path), path)
}
