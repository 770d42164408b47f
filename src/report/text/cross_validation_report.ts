import type { CrossValidation } from '../cross_validation.ts'
import { distanceText, metricText } from './number_text.ts'
import { comparisonTable, scoreTables } from './score_report.ts'
import { table } from './table.ts'

/** report.txt of a cross-validation. */
export function crossValidationReport(report: CrossValidation): string {
  const { folds, seed, flips, comparison } = report
  const lines = [
    `Cross-validation, ${folds} folds, seed ${seed}`,
    '',
    'Every subject was predicted once, in the space of its scan, by the model of the fold',
    'that has not seen it: the one after the last epoch. Held-out subjects decided nothing.',
    ...(flips ? ['Predictions are means over mirrored inputs.'] : []),
    '',
    'Dice of each fold',
    ...foldTable(report),
    '',
    'All folds together',
    ...scoreTables(report),
    ...(comparison ? ['', ...comparisonTable(comparison)] : []),
  ]
  return `${lines.join('\n')}\n`
}

function foldTable({ per_fold, structure_names }: CrossValidation): string[] {
  const columns = ['subjects', 'mean', ...structure_names, 'HD95 mm', 'presence']
  const rows = per_fold.map(fold => [
    `${fold.fold}`,
    `${fold.num_subjects}`,
    metricText(fold.segmentation_overall.mean_dice),
    ...structure_names.map(name => metricText(fold.segmentation_per_structure[name]!.mean_dice)),
    distanceText(fold.segmentation_overall.mean_hd95),
    metricText(fold.presence_overall_accuracy),
  ])
  return table(
    [{ heading: 'fold', align: 'left' }, ...columns.map(heading => ({ heading, align: 'right' as const }))],
    rows,
  )
}
