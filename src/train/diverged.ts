import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import { type DeviceState, modelOf } from '../run/model_weights.ts'
import { faultsOf } from '../run/weight_faults.ts'
import type { TrainingEngine } from './engine.ts'

/** Training has no finite gradient or weights any more. Going on from its newest state would end the same way. */
export class DivergedError extends Error {
  override name = 'DivergedError'
}

/** The entries of a checkpoint's model. Throws DivergedError if weights or moments are not finite: such a state is never saved. */
export function usableModelOf({ state }: TrainingEngine, copy: DeviceState): Checkpoint['model'] {
  const model = modelOf(state, copy)
  const floats = [...model].flatMap(([name, { dtype, data }]) => (dtype === 'f32' ? [[name, data] as const] : []))
  const [fault] = faultsOf([...floats, ['exp_avg', copy.first], ['exp_avg_sq', copy.second]])
  if (fault !== undefined)
    throw new DivergedError(`${fault}, so this state is not saved: lower training.learning_rate or check the data`)
  return model
}
