import { Command } from 'commander'
import { NAMED_CONFIGS } from '../src/config/named.ts'
import { namedConfigsText } from '../src/config/print.ts'
import { colorsFor } from '../src/util/colors.ts'

/** `print_named_configs`: what each is for and what it sets. */
export function makePrintNamedConfigsCommand(): Command {
  return new Command('print_named_configs')
    .description('print the named configurations: what each is for and what it sets')
    .option('--json', 'print one JSON object: of each its description and values')
    .action(runPrintNamedConfigs)
}

function runPrintNamedConfigs({ json }: { json?: boolean }): void {
  const text = json ? JSON.stringify(NAMED_CONFIGS) : namedConfigsText(colorsFor(process.stdout, process.env))
  process.stdout.write(`${text}\n`)
}
