import { readCheckpoint, writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'

/** Copies a checkpoint and changes values of some of its tensors. */
export function writeChanged(path: string, from: string, change: (name: string, data: Float32Array) => void): void {
  const checkpoint = readCheckpoint(from)
  for (const [name, { dtype, data }] of checkpoint.model) if (dtype === 'f32') change(name, data)
  writeCheckpoint(path, checkpoint)
}

/**
 * Makes the presence of structure `s` NaN: each of its weights is a usable number, but both logits are infinite. `from` is a checkpoint of
 * any SADAAN.
 */
export function writeOverflowing(path: string, from: string, s: number): void {
  const classifier = `absence_detector.absence_classifiers.${s}.`
  writeChanged(path, from, (name, data) => {
    if (name.startsWith(classifier)) data.fill(name === `${classifier}0.weight` ? 0 : 1e12)
  })
}
