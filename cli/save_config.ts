import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { toJson } from '../src/config/load.ts'
import { parseLiteral } from '../src/config/overrides.ts'
import { reasonOf } from '../src/track/files.ts'
import { InputError } from '../src/util/error.ts'
import { configurationOf, withConfiguration } from './options.ts'

interface SaveOptions {
  config?: string
  output?: string
  json?: boolean
}

/** Sacred's users name the file by a word: `save_config with config_filename=a.json`. */
const FILE_WORD = /^config_filename=/

/** `save_config`: the whole configuration as a file that --config reads. */
export function makeSaveConfigCommand(): Command {
  return withConfiguration(new Command('save_config'))
    .description('write the configuration that --config and the words make to a file that --config reads')
    .option('-o, --output <file>', 'the file; also with config_filename=FILE, as in Sacred (default: config.json)')
    .option('--json', 'print the path as one JSON object on standard output')
    .action(runSaveConfig)
}

function runSaveConfig(words: string[], options: SaveOptions): void {
  const fileWord = words.findLast(word => FILE_WORD.test(word))
  const named = fileWord === undefined ? undefined : String(parseLiteral(fileWord.replace(FILE_WORD, '')))
  const path = options.output ?? named ?? 'config.json'
  const { config } = configurationOf(
    words.filter(word => !FILE_WORD.test(word)),
    options,
  )
  try {
    writeFileSync(path, `${toJson(config)}\n`)
  } catch (error) {
    throw new InputError(`${path}: ${reasonOf(error)}, expected a file that can be written`)
  }
  process.stderr.write(`saved ${path}\n`)
  if (options.json) process.stdout.write(`${JSON.stringify({ path })}\n`)
}
