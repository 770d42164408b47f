import { availableParallelism } from 'node:os'
import { Command } from 'commander'
import { type Finding, rangesText } from '../src/data/validate/findings.ts'
import { type Validation, validateDataset } from '../src/data/validate/validate.ts'
import { table } from '../src/report/text/table.ts'
import { printable } from '../src/util/listing.ts'
import { progressOf } from './console/progress.ts'
import { countOption } from './options.ts'

interface ValidateCommandOptions {
  hash?: boolean
  workers: number
  strict?: boolean
  json?: boolean
}

const SHOWN_RANGES = 6
const MOST_WORKERS = 4 // each holds a sample in memory, and reading takes most of the time

/** `validate`: finds every inconsistency in a dataset; exit code 1 if there is an error. */
export function makeValidateCommand(): Command {
  const workers = Math.min(availableParallelism(), MOST_WORKERS)
  return new Command('validate')
    .description('find every inconsistency in a dataset, with the samples affected; exit code 1 if there is an error')
    .argument('<dir>', 'the dataset folder: metadata.json, train.h5, val.h5 and, optionally, test.h5')
    .option('--hash', 'if there is no error, record hashes of every sample in hashes.json, which training then checks')
    .option('--workers <n>', 'reader threads; 0 reads in the main thread', countOption, workers)
    .option('--strict', 'count warnings as errors in the exit code')
    .option('--json', 'print one JSON object')
    .action(runValidate)
}

async function runValidate(directory: string, options: ValidateCommandOptions): Promise<void> {
  const { hash = false, workers, strict = false, json = false } = options
  const progress = progressOf('checked')
  const validation = await validateDataset({ directory, workers, hash, progress: progress.update }).finally(
    progress.end,
  )
  process.stdout.write(json ? `${JSON.stringify(validation)}\n` : validationText(validation))
  if (validation.errors > 0 || (strict && validation.warnings > 0)) process.exitCode = 1
}

function validationText(validation: Validation): string {
  const { directory, viewOf, splits, structureNames, findings, errors, warnings, hashes } = validation
  const counts = Object.entries(splits).map(([name, samples]) => `${name} ${samples}`)
  const kept: Record<Validation['hashes'], string> = {
    none: 'none recorded; --hash records them',
    compared: 'compared with hashes.json',
    recorded: 'recorded in hashes.json',
    'not recorded': 'not recorded, because of the errors',
  }
  return [
    ...(findings.length > 0 ? [...findingsTable(findings), ''] : []),
    `dataset   ${printable(directory)}: ${structureNames.length} structures`,
    ...(viewOf === undefined ? [] : [`view of   ${printable(viewOf)}, whose samples were checked`]),
    `samples   ${counts.join(', ') || 'none readable'}`,
    `hashes    ${kept[hashes]}`,
    `found     ${counted(errors, 'error')}, ${counted(warnings, 'warning')}`,
    '',
  ].join('\n')
}

function findingsTable(findings: readonly Finding[]): string[] {
  const columns = ['', 'file', 'dataset', 'structure', 'samples', 'finding']
  return table(
    columns.map(heading => ({ heading, align: 'left' as const })),
    findings.map(({ severity, file, dataset = '', structure = '', samples = [], message }) => [
      severity,
      file,
      dataset,
      structure,
      rangesText(samples, SHOWN_RANGES),
      message,
    ]),
  )
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
