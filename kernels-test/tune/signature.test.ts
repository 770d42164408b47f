import { expect, test } from 'vitest'
import type { Call } from '../../src/graph/kernel.ts'
import { signatureOf } from '../../src/graph/signature.ts'
import { Tape } from '../../src/graph/tape.ts'
import { type DType, type Tensor, tensor } from '../../src/graph/tensor.ts'
import { type Conv3dOptions, conv3d } from '../../src/ops/conv3d/conv3d.ts'

function input(name: string, shape: readonly number[], dtype: DType = 'f32'): Tensor {
  return tensor(name, shape, 'input', dtype)
}

function recorded(layer: string, x: Tensor, outputs: number, size: number, options: Conv3dOptions = {}): Call[] {
  const tape = new Tape()
  const inputs = x.shape[1]! + (options.with?.shape[1] ?? 0)
  const weight = input(`${layer}.weight`, [outputs, inputs, size, size, size])
  tape.watch(x, input('dx', x.shape))
  const y = tape.scope(layer, () => conv3d(tape, x, weight, input(`${layer}.bias`, [outputs]), options))
  tape.differentiate(y, input('dy', y.shape))
  return tape.calls
}

test('it says kernel, shapes and plain values, each by its name', () => {
  const [forward, backwardData] = recorded('one', input('x', [2, 16, 8, 8, 4]), 32, 3).map(signatureOf)
  expect(forward).toBe(
    'conv3d.forward accumulate=false bias=f32(32) direction=forward sources=[f32(2,16,8,8,4)] stride=1 ' +
      'target=f32(2,32,8,8,4) weight=f32(32,16,3,3,3)',
  )
  expect(backwardData).toBe(
    'conv3d.backwardData accumulate=false direction=backwardData first=0 sources=[f32(2,32,8,8,4)] stride=1 ' +
      'target=f32(2,16,8,8,4) weight=f32(32,16,3,3,3)',
  )
})

test('equal layers share it, whatever they are called', () => {
  const a = recorded('encoder.enc1.3', input('a', [1, 4, 8, 8, 4]), 8, 3)
  const b = recorded('decoder.dec1.3', input('b', [1, 4, 8, 8, 4]), 8, 3)
  expect(a.map(({ label }) => label)).not.toEqual(b.map(({ label }) => label))
  expect(a.map(signatureOf)).toEqual(b.map(signatureOf))
})

test('whatever may change the speed changes it', () => {
  const shape = [1, 4, 8, 8, 4]
  const x = input('x', shape)
  const calls = [
    recorded('a', x, 8, 3),
    recorded('a', x, 8, 1),
    recorded('a', x, 8, 3, { stride: 2 }),
    recorded('a', x, 8, 3, { with: input('second', shape) }),
    recorded('a', input('x', shape, 'u32'), 8, 3),
    recorded('a', input('x', [2, 4, 8, 8, 4]), 8, 3),
    recorded('a', x, 9, 3),
  ].map(([forward]) => signatureOf(forward!))
  expect(new Set(calls).size).toBe(calls.length)
})

test('order of arguments and missing ones change nothing, nested ones count', () => {
  const x = input('x', [1, 2])
  const of = (args: object): string => signatureOf({ label: '', kernel: { name: 'k' } as Call['kernel'], args })
  expect(of({ b: 1, a: { t: x, flag: true }, c: undefined })).toBe('k a={flag=true t=f32(1,2)} b=1')
  expect(of({ a: { flag: true, t: x }, b: 1 })).toBe('k a={flag=true t=f32(1,2)} b=1')
})
