import { Command } from 'commander'
import { toJson } from '../../src/config/load.ts'
import { parseLiteral } from '../../src/config/overrides.ts'
import { checkOutputFile } from '../../src/util/files/lookup.ts'
import { refuseToReplace } from '../../src/util/files/result_folder.ts'
import { writeWhole } from '../../src/util/whole_file.ts'
import { say } from '../console/say.ts'
import { configurationOf, withConfiguration } from '../options.ts'

interface SaveOptions {
  config?: string
  output?: string
  overwrite?: boolean
  json?: boolean
}

/** Sacred's users name the file with a word: `save_config with config_filename=a.json`. */
const FILE_WORD = /^config_filename=/

/** `save_config`: writes the whole configuration to a file that --config accepts. */
export function makeSaveConfigCommand(): Command {
  return withConfiguration(new Command('save_config'))
    .description('save the resulting configuration to a file that --config accepts')
    .option('-o, --output <file>', 'file to write; also config_filename=FILE, as in Sacred (default: config.json)')
    .option('--overwrite', 'replace a file with other content')
    .option('--json', 'print the path as one JSON object')
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
  const bytes = Buffer.from(`${toJson(config)}\n`)
  checkOutputFile(path)
  refuseToReplace(path, [bytes], options.overwrite ?? false)
  writeWhole(path, [bytes])
  say(`saved ${path}`)
  if (options.json) process.stdout.write(`${JSON.stringify({ path })}\n`)
}
