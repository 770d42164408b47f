import { createHash } from 'node:crypto'
import { differingKeys, leavesOf } from '../../config/load.ts'
import type { Config } from '../../config/schema.ts'
import type { Dataset } from '../../data/dataset/dataset.ts'
import type { Ranks } from '../../distributed/ranks.ts'
import type { Device } from '../../gpu/device.ts'
import { packageFile } from '../../track/provenance.ts'
import { InputError } from '../../util/error.ts'
import { listed } from '../../util/listing.ts'
import { fingerprintOf } from '../data_fingerprint.ts'

/** Keys that change no bit and may depend on the host. */
const OF_THE_HOST = /^(dataset_path|compute\.adapter|training\.(num_workers|pin_memory|memory_cleanup_frequency))$/

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

/** Refuses ranks of different datasets or adapters, whose bits would differ. Throws InputError as `checkSameProgram`. */
export async function checkSameWork(ranks: Ranks, dataset: Dataset, { opened }: Device): Promise<void> {
  const digest = createHash('sha256')
    .update(JSON.stringify(fingerprintOf(dataset)))
    .digest('hex')
    .slice(0, 12)
  await ranks.requireSame('the dataset', `samples and labels ${digest}`)
  await ranks.requireSame('the adapter', `${opened.name} (${opened.info.description})`)
}
