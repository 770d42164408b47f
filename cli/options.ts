import { type Command, InvalidArgumentError, Option } from 'commander'
import { type LoadedConfig, loadConfig } from '../src/config/load.ts'

/** Describes the words after a command. */
export const WORDS =
  'the word with, then key=value (Python literals), named configurations (print_named_configs) and .json files; they override --config'

/**
 * Adds `--config FILE` and the words `[with key=value …]` to a command.
 * The word `with` itself is optional; Sacred's users type it.
 */
export function withConfiguration(command: Command): Command {
  return command
    .addOption(new Option('--config <file>', 'JSON file with the keys that differ from the defaults'))
    .argument('[with...]', WORDS)
}

/** The words after `with`. */
export function overridesOf(words: readonly string[]): readonly string[] {
  return words[0] === 'with' ? words.slice(1) : words
}

/** The configuration defined by `--config` and the words after `with`. Throws InputError with one line. */
export function configurationOf(words: readonly string[], options: { config?: string }): LoadedConfig {
  return loadConfig({
    ...(options.config === undefined ? {} : { file: options.config }),
    overrides: overridesOf(words),
  })
}

/** Collects the values of an option that may be repeated. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}

/** An option's value as a number. */
export function numberOption(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('expected a number')
  return value
}

/** An option's value as a count. */
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
    throw new InvalidArgumentError('expected one number of millimetres, or three, e.g. 1.5,1.5,3')
  return lengths as [number, number, number]
}
