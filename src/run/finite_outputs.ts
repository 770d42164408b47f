import { PAIR_SUMS } from '../loss/sadaan_loss.ts'
import { InputError } from '../util/error.ts'
import type { BatchResult } from './batch_result.ts'
import { structureNamesOf, type TrainedModel } from './trained_model.ts'

/** Index of the first value that is not finite; −1 if all are. */
export function firstNotFinite(values: Float32Array): number {
  let difference = 0
  for (let i = 0; i < values.length; i++) difference += values[i]! - values[i]! // NaN for infinities too
  return difference === 0 ? -1 : values.findIndex(value => !Number.isFinite(value))
}

/**
 * Throws InputError if an output for a real sample is not finite: it is neither present nor absent, and no mean may leave it out. `samples`
 * are the indices within the split at `path`.
 */
export function checkOutputs(
  { presenceProbability, pairs }: Pick<BatchResult, 'pairs' | 'presenceProbability'>,
  samples: readonly number[],
  { model, path }: { model: TrainedModel; path: string },
): void {
  const { structures } = model.shape
  const check = (values: Float32Array, perPair: number, what: (at: number) => string): void => {
    const at = firstNotFinite(values.subarray(0, samples.length * structures * perPair))
    if (at < 0) return
    const pair = Math.floor(at / perPair)
    const sample = samples[Math.floor(pair / structures)]
    throw new InputError(
      `${path}: sample ${sample}: ${what(at)} of ${structureNamesOf(model)[pair % structures]} is ${values[at]}, expected a finite number; the weights of ${model.path} overflow there`,
    )
  }
  check(presenceProbability, 1, () => "the model's presence probability")
  check(pairs, PAIR_SUMS.length, at => `the ${PAIR_SUMS[at % PAIR_SUMS.length]} of the model's masks`)
}
