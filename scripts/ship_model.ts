import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { exportModel } from '../src/export/export.ts'
import { inspect, type ModelInspection } from '../src/inspect/inspect.ts'
import { cardText } from '../src/inspect/models.ts'
import { type ModelCard, parseCardText } from '../src/models/card.ts'
import { jsonValue, parseJson } from '../src/util/json.ts'
import { readText, writeText } from '../src/util/whole_file.ts'

/*
 * Makes a shipped model: NAME.safetensors in f16 with its card, and the card as NAME.md.
 *
 *   npx tsx scripts/ship_model.ts NAME --weights best_model.pth --card card.json --report detailed_metrics.json \
 *     --method '5-fold cross-validation at 1 mm' [--output src/models]
 *
 * card.json holds title, data, licence, training, intended_use and limits (src/models/card.ts); the Dice comes from the report.
 */

/** What `evaluate` writes, as far as it is used. */
const reportSchema = z.object({
  num_samples: z.int().positive(),
  segmentation_per_structure: z.record(z.string(), z.object({ mean_dice: z.number() })),
  segmentation_overall: z.object({ mean_dice: z.number() }),
})

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    weights: { type: 'string' },
    card: { type: 'string' },
    report: { type: 'string' },
    method: { type: 'string' },
    output: { type: 'string', default: 'src/models' },
  },
})
const [name] = positionals
const { weights, card: cardPath, report: reportPath, method, output } = values
if (!name || !weights || !cardPath || !reportPath || !method)
  throw new Error('expected NAME, --weights, --card, --report and --method')

const report = parseJson(readText(reportPath), reportPath, reportSchema)
const card: ModelCard = {
  ...parseCardText(jsonValue(readText(cardPath), cardPath), cardPath),
  validation: {
    method,
    subjects: report.num_samples,
    dice: Object.fromEntries(
      Object.entries(report.segmentation_per_structure).map(([structure, { mean_dice }]) => [structure, mean_dice]),
    ),
    mean_dice: report.segmentation_overall.mean_dice,
  },
}
const path = join(output, `${name}.safetensors`)
exportModel({ weights, format: 'safetensors', precision: 'f16', card, output: path, overwrite: true })
writeText(join(output, `${name}.md`), cardText({ name, model: (await inspect(path)) as ModelInspection }, card))
