import { Command } from 'commander'
import { toJson } from '../src/config/load.ts'
import { configText } from '../src/config/print.ts'
import { colorsFor } from '../src/util/colors.ts'
import { configurationOf, withConfiguration } from './options.ts'

/** `print_config`: the configuration that the words make; what was changed is marked. */
export function makePrintConfigCommand(): Command {
  return withConfiguration(new Command('print_config'))
    .description('print the configuration that --config and the words make, marking what differs from the defaults')
    .option('--json', 'print it as one JSON object, which --config reads')
    .action(runPrintConfig)
}

function runPrintConfig(words: string[], options: { config?: string; json?: boolean }): void {
  const loaded = configurationOf(words, options)
  const text = options.json ? toJson(loaded.config) : configText(loaded, colorsFor(process.stdout, process.env))
  process.stdout.write(`${text}\n`)
}
