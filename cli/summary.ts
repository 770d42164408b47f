import { Command } from 'commander'
import { modelText, reportModel } from '../src/inspect/model_summary.ts'
import { totalOf } from '../src/run/memory.ts'
import { configurationOf, withConfiguration } from './options.ts'

interface SummaryOptions {
  config?: string
  dataset?: string
  json?: boolean
}

/** `summary`: shows the model's layers, shapes, parameters, multiply-adds, and the memory of a training step. */
export function makeSummaryCommand(): Command {
  return withConfiguration(new Command('summary'))
    .description(
      "show the model's layers, output shapes, parameters, multiply-adds, and the memory needed for training",
    )
    .option(
      '--dataset <dir>',
      'dataset for the model (default: model.num_structures and training.image_size, or dataset_path)',
    )
    .option('--json', 'print one JSON object')
    .action(runSummary)
}

async function runSummary(words: string[], options: SummaryOptions): Promise<void> {
  const { config } = configurationOf(words, options)
  const report = await reportModel(config, options.dataset)
  if (!options.json) {
    process.stdout.write(modelText(report))
    return
  }
  const { memory, ...rest } = report
  process.stdout.write(`${JSON.stringify({ ...rest, memory: { ...memory, total: totalOf(memory) } })}\n`)
}
