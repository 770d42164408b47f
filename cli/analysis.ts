import { Command } from 'commander'
import { analyse } from '../src/evaluate/analysis.ts'
import { say } from './console/say.ts'

interface AnalysisOptions {
  train: string
  val: string
  test: string
  output: string
  overwrite?: boolean
  json?: boolean
}

/** `analysis`: writes analysis_report.txt and four PNGs. */
export function makeAnalysisCommand(): Command {
  return new Command('analysis')
    .description('compare the training, validation and test evaluations; write analysis_report.txt and four pictures')
    .requiredOption('--train <file>', 'detailed_metrics.json of the training split')
    .requiredOption('--val <file>', 'detailed_metrics.json of the validation split')
    .requiredOption('--test <file>', 'detailed_metrics.json of the test split')
    .requiredOption('-o, --output <dir>', 'folder for the results')
    .option('--overwrite', 'also replace files of these names that are not unchanged results of this program')
    .option('--json', 'print the findings and the paths of the files as one JSON object')
    .action(runAnalysis)
}

async function runAnalysis({ train, val, test, output, overwrite = false, json }: AnalysisOptions): Promise<void> {
  const analysis = await analyse({ files: { train, val, test }, output, overwrite, say })
  if (json) process.stdout.write(`${JSON.stringify(analysis)}\n`)
  else for (const line of [...analysis.findings, `written   ${analysis.files.join(', ')}`]) say(line)
}
