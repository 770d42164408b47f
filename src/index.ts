/**
 * The public API of the package. Everything else may change between any two versions.
 * Errors: an InputError explains in one line what is wrong with the input; anything else is a failure.
 */
export { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint/checkpoint.ts'
export { readWeights } from './checkpoint/weights.ts'
export { type LoadedConfig, loadConfig } from './config/load.ts'
export type { Config } from './config/schema.ts'
export { type CrossValidationResult, crossValidate } from './cross_validation/cross_validate.ts'
export { readGivenFolds } from './cross_validation/given_folds.ts'
export type { CrossValidationRequest } from './cross_validation/request.ts'
export { type Dataset, openDataset } from './data/dataset/dataset.ts'
export type { Split, SplitName } from './data/dataset/split.ts'
export { type ImportProgress, importScans } from './data/import/import.ts'
export { IMPORT_DEFAULTS, type ImportOptions } from './data/import/import_options.ts'
export type { ImportReport } from './data/import/report.ts'
export { GENERATE_DEFAULTS, type GenerateOptions, generateDataset } from './data/synthetic/generate.ts'
export type { Finding } from './data/validate/findings.ts'
export { type ValidateOptions, type Validation, validateDataset } from './data/validate/validate.ts'
export { type Analysis, type AnalysisRequest, analyse } from './evaluate/analysis.ts'
export { evaluate } from './evaluate/evaluate.ts'
export type { EvaluatedSample, Evaluation, EvaluationRequest } from './evaluate/evaluation.ts'
export { EvaluationPictures } from './evaluate/pictures.ts'
export { type Exported, type ExportRequest, exportModel } from './export/export.ts'
export { type Inspection, inspect } from './inspect/inspect.ts'
export { listModels, type ModelEntry } from './inspect/models.ts'
export type { PredictionRequest } from './predict/job.ts'
export { type Prediction, predict } from './predict/predict.ts'
export { type Configured, type ConfigureProgress, type ConfigureRequest, configure } from './recipe/configure.ts'
export type { Fingerprint } from './recipe/fingerprint_schema.ts'
export {
  type ImportSettings,
  importSettingsOf,
  preparedAs,
  type Recipe,
  readRecipe,
  sourceAs,
} from './recipe/recipe.ts'
export type { CrossValidation } from './report/cross_validation.ts'
export type { DetailedMetrics } from './report/detailed_metrics.ts'
export type { PairedComparison, ScoredPair, ScoreMetrics } from './report/score.ts'
export { type Score, type ScoreRequest, scorePredictions } from './score/score.ts'
export { Console, type ConsoleOptions } from './track/console/console.ts'
export { readMetrics, type Series } from './track/metrics.ts'
export { type MongoAddress, parseMongoAddress } from './track/mongo/address.ts'
export type { RunIdentity, TrainingRequest } from './train/request.ts'
export { type TrainingReport, train } from './train/training.ts'
export { InputError } from './util/error.ts'
