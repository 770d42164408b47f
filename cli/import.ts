import { Command } from 'commander'
import { importScans } from '../src/data/import/import.ts'
import { IMPORT_DEFAULTS } from '../src/data/import/import_options.ts'
import { summaryLines } from './console/import_summary.ts'
import { progressOf } from './console/progress.ts'
import { say } from './console/say.ts'
import { numberOption } from './options.ts'
import { type PreparationOptions, requestedScans, withPreparationOptions } from './scans/preparation_options.ts'
import { type SourceOptions, withSourceOptions } from './scans/source_options.ts'

interface ImportCommandOptions extends SourceOptions, PreparationOptions {
  outputDir: string
  validationSplit: number
  testSplit: number
  seed: number
  overwrite?: boolean
  skipBad?: boolean
  json?: boolean
}

/** `import`: converts scans and labels into a dataset. */
export function makeImportCommand(): Command {
  const { validationSplit, testSplit, seed } = IMPORT_DEFAULTS
  return withPreparationOptions(withSourceOptions(new Command('import')))
    .description(
      'convert scans (NIfTI, NRRD, MetaImage, DICOM series) and their labels into a dataset; folders of nnU-Net raw, the Medical Decathlon and TotalSegmentator work as they are',
    )
    .requiredOption('--output-dir <dir>', 'folder for the dataset')
    .option('--validation-split <share>', 'share of the subjects for validation', numberOption, validationSplit)
    .option('--test-split <share>', 'share of the subjects for testing', numberOption, testSplit)
    .option('--seed <n>', 'seed of the random splits', numberOption, seed)
    .option('--skip-bad', 'skip scans that cannot be used and list them, instead of stopping')
    .option(
      '--overwrite',
      'replace another dataset in the folder; an earlier run of the same import is replaced anyway',
    )
    .option('--json', 'print the summary as one JSON object')
    .action(runImport)
}

async function runImport(options: ImportCommandOptions): Promise<void> {
  const { outputDir, validationSplit, testSplit, seed, skipBad = false, overwrite = false } = options
  let progress: ReturnType<typeof progressOf> | undefined
  let shown = ''
  const report = await importScans(
    {
      ...requestedScans(options, 'import'),
      ...{ outputDir, validationSplit, testSplit, seed, skipBad, overwrite },
    },
    (step, done, all) => {
      if (step !== shown) {
        progress?.end()
        progress = progressOf(step)
        shown = step
      }
      progress?.update(done, all)
    },
  ).finally(() => progress?.end())
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
  else for (const line of summaryLines(report)) say(line)
}
