import { join } from 'node:path'

/** Where a cross-validation keeps what, in its folder. */
export const PLACES = {
  settings: 'settings.json',
  folds: 'folds.json',
  splits: 'splits_final.json',
  dataset: 'dataset',
  report: 'report.json',
  text: 'report.txt',
} as const

/** The places of one fold. */
export function placesOf(output: string, fold: number) {
  const folder = join(output, `fold_${fold}`)
  return {
    /** checkpoints; its last.pth is the model of the fold */
    folder,
    model: join(folder, 'last.pth'),
    /** the view of the dataset */
    dataset: join(folder, 'dataset'),
    runs: join(folder, 'sacred_runs'),
    predictions: join(folder, 'predictions'),
    /** written last: a fold that has it is finished */
    score: join(folder, 'score.json'),
  }
}
