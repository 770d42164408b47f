import { Command } from 'commander'
import { toJson } from '../../src/config/load.ts'
import { configText } from '../../src/config/print.ts'
import { colorsFor } from '../../src/util/colors.ts'
import { configurationOf, withConfiguration } from '../options.ts'

/** `print_config`: prints the resulting configuration and marks changed values. */
export function makePrintConfigCommand(): Command {
  return withConfiguration(new Command('print_config'))
    .description('print the resulting configuration and mark what differs from the defaults')
    .option('--json', 'print it as one JSON object that --config accepts')
    .action(runPrintConfig)
}

function runPrintConfig(words: string[], options: { config?: string; json?: boolean }): void {
  const loaded = configurationOf(words, options)
  const text = options.json ? toJson(loaded.config) : configText(loaded, colorsFor(process.stdout, process.env))
  process.stdout.write(`${text}\n`)
}
