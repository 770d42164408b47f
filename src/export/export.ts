import { textsOf } from '../checkpoint/model_facts.ts'
import type { ModelFile } from '../checkpoint/model_file.ts'
import { encodeModelPth, encodeModelSafetensors, type Precision } from '../checkpoint/weights.ts'
import type { ModelCard } from '../models/card.ts'
import { specify } from '../nn/specification.ts'
import { floatsOf } from '../run/model_weights.ts'
import { openTrainedModel } from '../run/open_model.ts'
import { structureNamesOf, type TrainedModel } from '../run/trained_model.ts'
import { packageFile } from '../track/provenance.ts'
import { InputError } from '../util/error.ts'
import { checkOutputFile } from '../util/files/lookup.ts'
import { refuseToReplace } from '../util/files/result_folder.ts'
import { listed } from '../util/listing.ts'
import { nearest } from '../util/nearest.ts'
import { writeWhole } from '../util/whole_file.ts'
import { encodeOnnx } from './onnx_file.ts'
import { OUTPUT_NAMES, sadaanGraph } from './sadaan_onnx.ts'

export const EXPORT_FORMATS = ['onnx', 'safetensors', 'pth'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

export interface ExportRequest {
  /** path of .pth, .pt or safetensors */
  weights: string
  format: ExportFormat
  /** path of the file to write */
  output: string
  /** replace a file with other content */
  overwrite?: boolean
  /** overrides the model's */
  presenceThreshold?: number
  /** only for ONNX: names from OUTPUT_NAMES; default all */
  outputs?: readonly string[]
  /** f16 only for safetensors; default f32 */
  precision?: Precision
  /** overrides the model's */
  card?: ModelCard
}

export interface Exported {
  format: ExportFormat
  output: string
  bytes: number
  structure_names: string[]
  presence_threshold: number
  /** shape of the model's input (N, C, H, W, D) with a free N */
  input: ['N', number, number, number, number]
  /** only for ONNX */
  outputs?: readonly string[]
}

const DESCRIPTION =
  'SADAAN: masks of anatomical structures and whether each is there at all. Input: raw intensity 0..255, (N, C, H, W, D), brought to the model’s frame as "preparation" says.'
const NOTICE =
  'Research software, not a medical device. sadaan-gpu is under the MIT licence; the weights are under the terms of who trained them and of the data.'
const DEFAULT_THRESHOLD = 0.5

/**
 * The `export` command. Writes the trained model as ONNX, safetensors or .pth, atomically. Throws InputError if the weights cannot be read or
 * are not a complete SADAAN, if an output is unknown, if the file exists with other content or there is no folder to write in, and WriteError
 * if the file cannot be written.
 */
export function exportModel(request: ExportRequest): Exported {
  checkOutputFile(request.output)
  const opened = openTrainedModel(request.weights)
  const model = { ...opened, card: request.card ?? opened.card }
  const floats = floatsOf(model.shape, model.weights, model.path)
  const { shape } = model
  const precision = request.precision ?? 'f32'
  if (precision !== 'f32' && request.format !== 'safetensors')
    throw new InputError(
      `--precision: ${request.format} files hold f32, expected --format safetensors for ${precision}`,
    )
  const presenceThreshold = request.presenceThreshold ?? model.presenceThreshold
  const common = {
    format: request.format,
    output: request.output,
    structure_names: structureNamesOf(model),
    presence_threshold: presenceThreshold ?? DEFAULT_THRESHOLD,
    input: ['N', shape.inChannels, ...shape.size] as Exported['input'],
  }
  if (request.format === 'onnx') {
    const outputs = checkedOutputs(request.outputs ?? OUTPUT_NAMES)
    const { name, version } = packageFile()
    const pieces = encodeOnnx({
      graph: sadaanGraph(shape, floats, common.presence_threshold, outputs),
      producer: { name, version },
      description: DESCRIPTION,
      metadata: onnxMetadata(model, common, `${name} ${version}`),
    })
    return { ...common, bytes: write(request, pieces), outputs }
  }
  if (request.outputs)
    throw new InputError(`--outputs: a ${request.format} file has no outputs, expected --format onnx`)
  const file = fileOf(model, presenceThreshold)
  const source = model.path
  const pieces = request.format === 'pth' ? encodeModelPth(file) : encodeModelSafetensors(file, { precision, source })
  return { ...common, bytes: write(request, pieces) }
}

function checkedOutputs(names: readonly string[]): readonly string[] {
  for (const name of names)
    if (!OUTPUT_NAMES.includes(name)) {
      const meant = nearest(name, OUTPUT_NAMES)
      const hint = meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`
      throw new InputError(`--outputs: found ${JSON.stringify(name)}, expected one of ${listed(OUTPUT_NAMES)}${hint}`)
    }
  return OUTPUT_NAMES.filter(name => names.includes(name))
}

/** Running the file requires names and threshold, so both are always present, even if the weights lack them. */
function onnxMetadata(
  { shape, channelNames, preparation, trainingScans, patches, flipAxes, card }: TrainedModel,
  { structure_names, presence_threshold }: Pick<Exported, 'structure_names' | 'presence_threshold'>,
  program: string,
): Record<string, string> {
  return {
    ...textsOf({
      structureNames: structure_names,
      channelNames: channelNames && [...channelNames],
      presenceThreshold: presence_threshold,
      preparation,
      trainingScans,
      patches,
      flipAxes: flipAxes && [...flipAxes],
      card,
    }),
    image_size: JSON.stringify(shape.size),
    program,
    notice: NOTICE,
  }
}

/** In the original's order, whatever the order in the file, so that a round trip gives the same bytes. */
function fileOf(model: TrainedModel, presenceThreshold: number | undefined): ModelFile {
  const { shape, weights, preparation, trainingScans, patches, card } = model
  const tensors = specify(shape).flatMap(({ name }) => {
    const found = weights.get(name)
    return found ? [[name, found] as const] : []
  })
  const structureNames = model.structureNames && [...model.structureNames]
  const channelNames = model.channelNames && [...model.channelNames]
  const flipAxes = model.flipAxes && [...model.flipAxes]
  const scans = { preparation, trainingScans, patches, flipAxes }
  return { structureNames, channelNames, presenceThreshold, ...scans, card, tensors: new Map(tensors) }
}

function write({ output, overwrite = false }: ExportRequest, pieces: readonly Uint8Array[]): number {
  refuseToReplace(output, pieces, overwrite)
  writeWhole(output, pieces)
  return pieces.reduce((sum, { length }) => sum + length, 0)
}
