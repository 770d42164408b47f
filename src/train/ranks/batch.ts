import type { Config } from '../../config/schema.ts'
import { InputError } from '../../util/error.ts'

/** The samples of each rank's batch. Throws InputError if ranks cannot share training.batch_size equally, naming the nearest that they can. */
export function rankBatchSize({ training: { batch_size } }: Pick<Config, 'training'>, ranks: number): number {
  if (batch_size % ranks === 0) return batch_size / ranks
  const below = batch_size - (batch_size % ranks)
  const nearest = below > 0 ? `${below} or ${below + ranks}` : ranks
  throw new InputError(
    `training.batch_size is ${batch_size}: ${ranks} ranks cannot share it equally, expected ${nearest}`,
  )
}
