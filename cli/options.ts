import { type Command, InvalidArgumentError, Option } from 'commander'
import { type LoadedConfig, loadConfig } from '../src/config/load.ts'

/** What the words behind a command are. */
export const WORDS =
  'the word with, then key=value (Python literals), named configurations (print_named_configs) and .json files; they win over --config'

/**
 * Gives a command `--config FILE` and the words `[with key=value …]` behind its options.
 * The word `with` itself is optional noise, as Sacred's users type it.
 */
export function withConfiguration(command: Command): Command {
  return command
    .addOption(new Option('--config <file>', 'JSON file, a part of the configuration; the rest keeps its defaults'))
    .argument('[with...]', WORDS)
}

/** The words that stand after `with`. */
export function overridesOf(words: readonly string[]): readonly string[] {
  return words[0] === 'with' ? words.slice(1) : words
}

/** The configuration that `--config` and the words after `with` make. Throws InputError with one line. */
export function configurationOf(words: readonly string[], options: { config?: string }): LoadedConfig {
  return loadConfig({
    ...(options.config === undefined ? {} : { file: options.config }),
    overrides: overridesOf(words),
  })
}

/** An option's value as a number. */
export function numberOption(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('expected a number')
  return value
}

/** An option's value as a number of things. */
export function countOption(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('expected 0, 1, 2, …')
  return Number(text)
}

/** `128,128,64` as three axes. */
export function sizeOption(text: string): [number, number, number] {
  const axes = text.split(',').map(numberOption)
  if (axes.length !== 3) throw new InvalidArgumentError('expected three numbers, e.g. 128,128,64')
  return axes as [number, number, number]
}

/** `1.5,1.5,3`, or one number for all three axes. */
export function spacingOption(text: string): [number, number, number] {
  const lengths = text.split(',').map(numberOption)
  if (lengths.length === 1) return [lengths[0]!, lengths[0]!, lengths[0]!]
  if (lengths.length !== 3)
    throw new InvalidArgumentError('expected millimetres along three axes, e.g. 1.5,1.5,3, or one')
  return lengths as [number, number, number]
}
