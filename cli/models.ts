import { Command } from 'commander'
import { cardText, listModels, modelsText } from '../src/inspect/models.ts'
import { weightsPath } from '../src/models/registry.ts'
import { InputError } from '../src/util/error.ts'

/** `models`: lists the models that commands know by name, or prints the card of one. */
export function makeModelsCommand(): Command {
  return new Command('models')
    .description('list the trained models that --weights and model.pretrained take by name')
    .argument('[name]', 'print the card of this model: data, licence, Dice, intended use, limits')
    .option('--json', 'print one JSON object')
    .action(runModels)
}

async function runModels(name: string | undefined, { json }: { json?: boolean }): Promise<void> {
  const all = await listModels()
  const entry = all.find(each => each.name === name)
  if (name !== undefined && !entry) throw new InputError(`${weightsPath(name)}: is not the name of a model`)
  const entries = entry ? [entry] : all
  if (json) {
    const models = entries.map(({ name: own, model }) => ({ name: own, ...model }))
    process.stdout.write(`${JSON.stringify({ models })}\n`)
  } else if (!entry) process.stdout.write(modelsText(all))
  else if (entry.model.card) process.stdout.write(cardText(entry, entry.model.card))
  else throw new InputError(`${entry.model.path}: has no card; sadaan-gpu inspect ${entry.name} describes it`)
}
