import { Command } from 'commander'
import { parseStructures } from '../src/data/import/structures.ts'
import { comparisonTable, scoreTables } from '../src/report/text/score_report.ts'
import { SCORE_SEED, type Score, scorePredictions } from '../src/score/score.ts'
import { checkOutputFile } from '../src/util/files/lookup.ts'
import { refuseToReplace } from '../src/util/files/result_folder.ts'
import { jsonBytes, writeWhole } from '../src/util/whole_file.ts'
import { progressOf } from './console/progress.ts'
import { say } from './console/say.ts'
import { numberOption } from './options.ts'

interface ScoreOptions {
  predictions: string
  labels: string
  structures?: string
  subjectPattern?: string
  partial?: boolean
  against?: string
  seed: number
  output?: string
  overwrite?: boolean
  json?: boolean
}

/** `score`: compares predictions of any program with labels, in each scan's own space. */
export function makeScoreCommand(): Command {
  return new Command('score')
    .description(
      'compare predicted masks, from any program, with labels in each scan’s own space: overlap, surface distances in mm, presence; nothing is resampled',
    )
    .requiredOption(
      '--predictions <path>',
      'a folder of label volumes or of folders of masks, named like the labels, or one that predict wrote',
    )
    .requiredOption(
      '--labels <path>',
      'the same for the ground truth, or a dataset of nnU-Net, the Decathlon or TotalSegmentator',
    )
    .option(
      '--structures <list>',
      'csf=4,brain=5+6, or names of mask files (default: from dataset.json, or all that occur)',
    )
    .option(
      '--subject-pattern <regex>',
      'its first group in a scan name identifies the subject (default: the whole name)',
    )
    .option('--partial', 'score the scans that have a prediction, although others have none')
    .option(
      '--against <file>',
      'the JSON of another score or cross-validation: tests the difference over the same subjects',
    )
    .option('--seed <n>', 'seed of the bootstrap', numberOption, SCORE_SEED)
    .option('-o, --output <file>', 'also write everything, with each scan and structure, as JSON')
    .option('--overwrite', 'replace another file of that name')
    .option('--json', 'print everything as one JSON object instead of the tables')
    .action(runScore)
}

async function runScore(options: ScoreOptions): Promise<void> {
  const { predictions, labels, structures, subjectPattern, against, output, seed } = options
  if (output !== undefined) checkOutputFile(output)
  const progress = progressOf('scored')
  const score = await scorePredictions({
    predictions,
    labels,
    ...(structures === undefined ? {} : { structures: parseStructures(structures) }),
    ...(subjectPattern === undefined ? {} : { subjectPattern }),
    partial: options.partial ?? false,
    ...(against === undefined ? {} : { against }),
    seed,
    progress: progress.update,
  }).finally(progress.end)
  if (output !== undefined) {
    const pieces = [jsonBytes(score)]
    refuseToReplace(output, pieces, options.overwrite ?? false)
    writeWhole(output, pieces)
  }
  for (const note of score.notes) say(`warning: ${note}`)
  process.stdout.write(options.json ? `${JSON.stringify(score)}\n` : `${textOf(score).join('\n')}\n`)
}

function textOf(score: Score): string[] {
  const { unpredicted, comparison } = score
  const missing = unpredicted.length === 0 ? [] : [`missing   ${unpredicted.length} labels have no prediction`]
  return [...missing, ...scoreTables(score), ...(comparison ? ['', ...comparisonTable(comparison)] : [])]
}
