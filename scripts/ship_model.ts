import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { exportModel } from '../src/export/export.ts'
import { inspect, type ModelInspection } from '../src/inspect/inspect.ts'
import { cardText } from '../src/inspect/models.ts'
import { type ModelCard, parseCardText } from '../src/models/card.ts'
import { isModelName } from '../src/models/registry.ts'
import { openTrainedModel } from '../src/run/open_model.ts'
import { structureNamesOf } from '../src/run/trained_model.ts'
import { InputError, messageOf } from '../src/util/error.ts'
import { jsonValue, parseJson } from '../src/util/json.ts'
import { listed } from '../src/util/listing.ts'
import { PACKAGE_ROOT } from '../src/util/package_root.ts'
import { readText, writeText } from '../src/util/whole_file.ts'

/*
 * Makes a shipped model: NAME.safetensors in f16 with its card, and the card as NAME.md.
 *
 *   npx tsx scripts/ship_model.ts NAME --weights best_model.pth --card card.json --report report.json \
 *     --method '5-fold cross-validation at 1 mm' [--output src/models]
 *
 * card.json holds title, data, licence, training, intended_use and limits (src/models/card.ts). The Dice comes from the report: report.json of
 * `cross-validate`, the JSON of `score`, or detailed_metrics.json of `evaluate`.
 */

const count = z.int().positive()
/** What the three reports have in common. Samples of a dataset count as subjects: shipped models are of whole frames. */
const reportSchema = z
  .looseObject({
    num_subjects: count.optional(),
    num_samples: count.optional(),
    segmentation_per_structure: z.record(z.string(), z.looseObject({ mean_dice: z.number() })),
    segmentation_overall: z.looseObject({ mean_dice: z.number() }),
  })
  .refine(({ num_subjects, num_samples }) => (num_subjects ?? num_samples) !== undefined, 'has no num_subjects')

interface Shipment {
  name: string
  weights: string
  card: string
  report: string
  method: string
  output: string
}

function shipmentOf(words: string[]): Shipment {
  const { positionals, values } = parseArgs({
    args: words,
    allowPositionals: true,
    options: {
      weights: { type: 'string' },
      card: { type: 'string' },
      report: { type: 'string' },
      method: { type: 'string' },
      output: { type: 'string', default: join(PACKAGE_ROOT, 'src/models') },
    },
  })
  const [name, ...others] = positionals
  const { weights, card, report, method, output } = values
  if (!name || others.length > 0 || !weights || !card || !report || !method)
    throw new InputError('expected NAME, --weights, --card, --report and --method')
  if (!isModelName(name))
    throw new InputError(`${name}: is no name of a model, expected letters, digits, '-' and '_' only`)
  return { name, weights, card, report, method, output }
}

/** The text of the card, and the Dice of the report. Throws InputError if the report is of other structures than the model. */
function cardOf({ weights, card, report: path, method }: Shipment): ModelCard {
  const report = parseJson(readText(path), path, reportSchema)
  const dice = Object.entries(report.segmentation_per_structure)
  const [found, names] = [dice.map(([structure]) => structure), structureNamesOf(openTrainedModel(weights))]
  if (found.toSorted().join('\0') !== names.toSorted().join('\0'))
    throw new InputError(`${path}: is of ${listed(found)}, expected a report of ${weights}, which has ${listed(names)}`)
  return {
    ...parseCardText(jsonValue(readText(card), card), card),
    validation: {
      method,
      subjects: (report.num_subjects ?? report.num_samples)!,
      dice: Object.fromEntries(dice.map(([structure, { mean_dice }]) => [structure, mean_dice])),
      mean_dice: report.segmentation_overall.mean_dice,
    },
  }
}

async function ship(words: string[]): Promise<void> {
  const shipment = shipmentOf(words)
  const { name, weights, output } = shipment
  const card = cardOf(shipment)
  const path = join(output, `${name}.safetensors`)
  exportModel({ weights, format: 'safetensors', precision: 'f16', card, output: path, overwrite: true })
  writeText(join(output, `${name}.md`), cardText({ name, model: (await inspect(path)) as ModelInspection }, card))
  console.log(`${path} and ${name}.md: try it with sadaan-gpu models ${name}`)
}

try {
  await ship(process.argv.slice(2))
} catch (error) {
  console.error(`ship_model: ${messageOf(error)}`)
  process.exitCode = error instanceof InputError || error instanceof TypeError ? 2 : 1
}
