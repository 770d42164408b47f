/**
 * What the package promises to programs. Everything else may change between any two versions.
 * Errors: InputError says in one line what is wrong with what was given; anything else is a failure.
 */
export { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint/checkpoint.ts'
export { readWeights } from './checkpoint/weights.ts'
export { type LoadedConfig, loadConfig } from './config/load.ts'
export type { Config } from './config/schema.ts'
export { type Dataset, openDataset, type Split, type SplitName } from './data/dataset.ts'
export type { DetailedMetrics } from './report/detailed_metrics.ts'
export { Console, type ConsoleOptions } from './track/console.ts'
export { readMetrics, type Series } from './track/metrics.ts'
export { type MongoAddress, parseMongoAddress } from './track/mongo_address.ts'
export { type Evaluation, type EvaluationRequest, evaluate } from './train/evaluate.ts'
export { type Exported, type ExportRequest, exportModel } from './train/export.ts'
export { type Prediction, type PredictionRequest, predict } from './train/predict.ts'
export type { RunIdentity } from './train/record.ts'
export { type TrainingReport, type TrainingRequest, train } from './train/training.ts'
export { InputError } from './util/error.ts'
