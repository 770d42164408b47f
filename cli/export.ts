import { extname } from 'node:path'
import { Command, Option } from 'commander'
import { PRECISIONS, type Precision } from '../src/checkpoint/weights.ts'
import { EXPORT_FORMATS, type Exported, type ExportFormat, exportModel } from '../src/export/export.ts'
import { InputError } from '../src/util/error.ts'
import { listed } from '../src/util/listing.ts'
import { say } from './console/say.ts'
import { givenThreshold } from './evaluate.ts'
import { configurationOf, withConfiguration } from './options.ts'

interface ExportOptions {
  config?: string
  weights: string
  format?: ExportFormat
  output: string
  outputs?: string[]
  precision?: Precision
  overwrite?: boolean
  json?: boolean
}

/** `export`: writes the trained model as ONNX, safetensors or .pth. */
export function makeExportCommand(): Command {
  return withConfiguration(new Command('export'))
    .description('export a trained model as one file for other programs: ONNX, safetensors or .pth')
    .requiredOption(
      '--weights <file>',
      'the model: .pth or .pt (a checkpoint or a state dict) or safetensors, the content decides; or a name that models lists',
    )
    .addOption(new Option('--format <name>', "format (default: by the output's extension)").choices(EXPORT_FORMATS))
    .requiredOption('-o, --output <file>', 'the file to write')
    .option(
      '--outputs <names>',
      'outputs of an ONNX file, e.g. masks,presence_probs (default: all); fewer need less computation',
      text => text.split(','),
    )
    .addOption(
      new Option('--precision <type>', 'element type of the weights in a safetensors file (default: f32)').choices(
        PRECISIONS,
      ),
    )
    .option('--overwrite', 'replace a file with other content')
    .option('--json', 'print a description of the file as one JSON object')
    .action(runExport)
}

function runExport(
  words: string[],
  { weights, format, output, outputs, precision, overwrite = false, json, ...options }: ExportOptions,
): void {
  const exported = exportModel({
    weights,
    format: format ?? formatOf(output),
    output,
    overwrite,
    ...givenThreshold(configurationOf(words, options)),
    ...(outputs === undefined ? {} : { outputs }),
    ...(precision === undefined ? {} : { precision }),
  })
  if (json) process.stdout.write(`${JSON.stringify(exported)}\n`)
  else report(exported)
}

function formatOf(path: string): ExportFormat {
  const extension = extname(path).slice(1).toLowerCase()
  if (extension === 'pt') return 'pth' // PyTorch's other name for it
  const format = EXPORT_FORMATS.find(name => name === extension)
  if (!format) throw new InputError(`${path}: which format? Expected --format or one of .${EXPORT_FORMATS.join(', .')}`)
  return format
}

function report({ output, bytes, structure_names, presence_threshold, input, outputs }: Exported): void {
  say(`structures ${listed(structure_names)}; predicted present above ${presence_threshold}`)
  say(`input      image (${input.join(', ')}), raw intensity 0..255`)
  if (outputs) say(`outputs    ${listed(outputs)}`)
  say(`written    ${output}, ${(bytes / 1e6).toFixed(1)} MB`)
}
