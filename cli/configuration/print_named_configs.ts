import { Command } from 'commander'
import { NAMED_CONFIGS } from '../../src/config/named.ts'
import { namedConfigsText } from '../../src/config/print.ts'
import { colorsFor } from '../../src/util/colors.ts'

/** `print_named_configs`: the purpose and values of each. */
export function makePrintNamedConfigsCommand(): Command {
  return new Command('print_named_configs')
    .description('list the named configurations, with the purpose and values of each')
    .option('--json', 'print one JSON object with the description and values of each')
    .action(runPrintNamedConfigs)
}

function runPrintNamedConfigs({ json }: { json?: boolean }): void {
  const text = json ? JSON.stringify(NAMED_CONFIGS) : namedConfigsText(colorsFor(process.stdout, process.env))
  process.stdout.write(`${text}\n`)
}
