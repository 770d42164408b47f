import { Command } from 'commander'
import { dependencies, repositories } from '../../src/track/provenance.ts'
import type { Repository } from '../../src/track/repository.ts'
import { type Colors, colorsFor } from '../../src/util/colors.ts'

/** `print_dependencies`: the dependencies that a run record would contain. */
export function makePrintDependenciesCommand(): Command {
  return new Command('print_dependencies')
    .description('print the packages and the git repository that a run record would contain')
    .option('--json', 'print one JSON object')
    .action(runPrintDependencies)
}

function runPrintDependencies({ json }: { json?: boolean }): void {
  const found = { dependencies: dependencies(), repositories: repositories() }
  const text = json ? JSON.stringify(found) : dependenciesText(found, colorsFor(process.stdout, process.env))
  process.stdout.write(`${text}\n`)
}

/** As Sacred prints them: an M marks a repository with uncommitted changes. */
function dependenciesText(
  { dependencies, repositories }: { dependencies: string[]; repositories: Repository[] },
  colors: Colors,
): string {
  const packages = dependencies.map(each => {
    const [name, version] = each.split('==')
    return `  ${name!.padEnd(24)} == ${version}`
  })
  const checkouts = repositories.map(({ url, commit, dirty }) => {
    const line = `${dirty ? 'M' : ' '} ${url.padEnd(43)}  ${commit}`
    return dirty ? colors.red(line) : line
  })
  const parts = [['Dependencies:', ...packages], ...(checkouts.length > 0 ? [['Version control:', ...checkouts]] : [])]
  return parts.map(lines => lines.join('\n')).join('\n\n')
}
