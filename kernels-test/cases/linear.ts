import { linear } from '../../src/ops/linear.ts'
import { defineCase } from '../case.ts'
import { normals } from '../numbers.ts'

interface Row {
  samples: number
  inputs: number
  outputs: number
}

export default defineCase<Row>({
  operation: 'linear',
  rows: [
    { samples: 1, inputs: 1, outputs: 1 },
    { samples: 2, inputs: 16, outputs: 128 },
    { samples: 3, inputs: 5, outputs: 17 },
    { samples: 4, inputs: 128, outputs: 64 },
    { samples: 2, inputs: 64, outputs: 3 },
  ],
  inputs: ({ samples, inputs, outputs }, random) => {
    const input = (...shape: number[]) => ({
      shape,
      data: normals(
        random,
        shape.reduce((a, b) => a * b),
      ),
      gradient: true,
    })
    return { x: input(samples, inputs), weight: input(outputs, inputs), bias: input(outputs) }
  },
  build: (tape, { x, weight, bias }) => ({ y: linear(tape, x!, weight!, bias!) }),
  reference: ({ x, weight, bias }, { samples, inputs, outputs }) => {
    const y = new Float64Array(samples * outputs)
    for (let n = 0; n < samples; n++)
      for (let o = 0; o < outputs; o++) {
        let sum = bias![o]!
        for (let i = 0; i < inputs; i++) sum += x![n * inputs + i]! * weight![o * inputs + i]!
        y[n * outputs + o] = sum
      }
    return { y }
  },
  flops: ({ samples, inputs, outputs }) => 2 * samples * inputs * outputs,
  bytes: ({ samples, inputs, outputs }) => 4 * (samples * (inputs + outputs) + outputs * (inputs + 1)),
})
