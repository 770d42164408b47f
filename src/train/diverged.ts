import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import { type DeviceState, modelOf } from '../run/model_weights.ts'
import { faultsOf } from '../run/weight_faults.ts'
import type { TrainingEngine } from './engine.ts'

/** Training has no finite gradient or weights any more. Going on from its newest state would end the same way. */
export class DivergedError extends Error {
  override name = 'DivergedError'
}

/**
 * The models of a checkpoint: with a moving average, that is the model. Throws DivergedError if weights or moments are not finite: such a
 * state is never saved.
 */
export function usableModelsOf(
  { state, optimizer }: TrainingEngine,
  copy: DeviceState,
): Pick<Checkpoint, 'model' | 'live'> {
  const live = modelOf(state, copy)
  const average = optimizer.averaged && modelOf(optimizer.averaged, { ...copy, ...copy.averaged })
  const floats = [...live, ...(average ?? [])].flatMap(([name, { dtype, data }]) =>
    dtype === 'f32' ? [[name, data] as const] : [],
  )
  const [fault] = faultsOf([...floats, ['exp_avg', copy.first], ['exp_avg_sq', copy.second]])
  if (fault !== undefined)
    throw new DivergedError(`${fault}, so this state is not saved: lower training.learning_rate or check the data`)
  return average ? { model: average, live } : { model: live }
}
