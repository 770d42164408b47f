import { createHash } from 'node:crypto'
import { differingKeys, leavesOf } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { Ranks } from '../distributed/ranks.ts'
import { packageFile } from '../track/provenance.ts'
import { InputError } from '../util/error.ts'
import { listed } from '../util/listing.ts'
import type { TrainedModel } from './trained_model.ts'

/** Keys that change no bit and may depend on the host. */
const OF_THE_HOST = /^(dataset_path|compute\.adapter|training\.(num_workers|pin_memory|memory_cleanup_frequency))$/
/** hexadecimal digits of a digest that a line shows */
const SHOWN = 12

/** Refuses ranks of different versions or configurations. Throws InputError that names the first that differs from rank 0. */
export async function checkSameProgram(ranks: Ranks, config: Config): Promise<void> {
  await ranks.requireSame('the version', packageFile().version)
  const all = await ranks.gatherValues(config)
  for (const [rank, other] of all.entries()) {
    const differing = differingKeys(all[0]!, other).filter(key => !OF_THE_HOST.test(key))
    if (differing.length === 0) continue
    const [first, second] = [all[0]!, other].map(tree => new Map(leavesOf(tree)))
    const values = differing.map(
      key =>
        `${key} is ${JSON.stringify(first!.get(key))} on rank 0, ${JSON.stringify(second!.get(key))} on rank ${rank}`,
    )
    throw new InputError(`the configuration must be the same on all ranks, but ${listed(values, '; ')}`)
  }
}

/** Refuses ranks that have read other weights. Throws InputError as `checkSameProgram`. */
export async function checkSameModels(ranks: Ranks, models: readonly TrainedModel[]): Promise<void> {
  if (ranks.size === 1) return
  const hash = createHash('sha256')
  for (const { weights } of models) for (const [name, { data }] of weights) hash.update(name).update(data)
  await ranks.requireSame('the model', `weights ${hash.digest('hex').slice(0, SHOWN)}`)
}
