import { createHash } from 'node:crypto'
import type { Dataset } from '../../data/dataset/dataset.ts'
import type { Ranks } from '../../distributed/ranks.ts'
import { fingerprintOf } from '../data_fingerprint.ts'

/** Refuses ranks of different datasets. Throws InputError that names the first that differs from rank 0. */
export async function checkSameRankData(ranks: Ranks, dataset: Dataset): Promise<void> {
  const digest = createHash('sha256')
    .update(JSON.stringify(fingerprintOf(dataset)))
    .digest('hex')
    .slice(0, 12)
  await ranks.requireSame('the dataset', `samples and labels ${digest}`)
}
