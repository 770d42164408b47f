import type { Command, CommanderError } from 'commander'
import { leavesOf } from '../../src/config/load.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { collect, WORDS } from '../options.ts'

/** Options of other programs, and the configuration key that does the same here. */
const FAMILIAR: Readonly<Record<string, string>> = {
  epochs: 'training.num_epochs',
  lr: 'training.learning_rate',
  workers: 'training.num_workers',
  gpu: 'compute.adapter',
  device: 'compute.adapter',
  data: 'dataset_path',
  dataset: 'dataset_path',
  output: 'checkpoint.save_dir',
  output_dir: 'checkpoint.save_dir',
  weights: 'model.pretrained',
  fp16: 'compute.precision',
  amp: 'compute.precision',
}

/**
 * Prepares a program and all its commands: errors are thrown and not printed, and an option that takes one value is refused the second
 * time.
 */
export function strict(command: Command): Command {
  command.exitOverride().configureOutput({ outputError: () => undefined })
  for (const option of command.options) {
    if (option.isBoolean() || option.variadic || option.parseArg === collect) continue
    let times = 0
    command.on(`option:${option.name()}`, () => {
      if (++times > 1) command.error(`error: option '${option.flags}' is given twice, expected one value`)
    })
  }
  for (const each of command.commands) strict(each.copyInheritedSettings(command))
  return command
}

/** A wrong command line in one line, with the next step if it is known. Undefined if commander printed help instead. */
export function usageText(
  { code, message }: CommanderError,
  program: Command,
  words: readonly string[],
): string | undefined {
  if (code.startsWith('commander.help')) return undefined
  const said = message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '')
  const path = pathOf(program, words)
  const option = code === 'commander.unknownOption' ? words.find(word => said.includes(`'${word}'`)) : undefined
  const key = option !== undefined && takesWords(path.at(-1)!) ? keyFor(option) : undefined
  if (key !== undefined) return `${said}; configuration keys go at the end: with ${key}=${givenValue(option!, words)}`
  return `${said}; see ${path.map(command => command.name()).join(' ')} --help`
}

/** The program and the commands that the words name, outermost first. */
function pathOf(program: Command, words: readonly string[]): Command[] {
  const path = [program]
  for (const word of words) {
    const next = path.at(-1)!.commands.find(each => each.name() === word)
    if (!next) break
    path.push(next)
  }
  return path
}

function takesWords(command: Command): boolean {
  return command.registeredArguments.some(({ description }) => description === WORDS)
}

/** `--epochs`, `--learning-rate` or `--batch_size` as a key of the configuration. */
function keyFor(option: string): string | undefined {
  const name = option.replace(/^-+/, '').replace(/=.*$/s, '').replaceAll('-', '_')
  if (Object.hasOwn(FAMILIAR, name)) return FAMILIAR[name]
  const keys = leavesOf(defaultConfig()).map(([key]) => key)
  const same = keys.filter(key => key === name || key.endsWith(`.${name}`) || key.endsWith(`.num_${name}`))
  return same.length === 1 ? same[0] : undefined
}

function givenValue(option: string, words: readonly string[]): string {
  const [, given] = option.split('=')
  const next = words[words.indexOf(option) + 1]
  return given ?? (next === undefined || next.startsWith('-') ? '…' : next)
}
