import { expect, test } from 'vitest'
import { parseNvidia } from '../../src/track/host.ts'

const LINES = 'NVIDIA GeForce RTX 4090, 24564, Disabled\nNVIDIA H100 80GB HBM3, 81559, Enabled\n'

test('memory of the GPU that computes, if the machine has several', () => {
  const model = 'NVIDIA H100 80GB HBM3 (NVIDIA: 550.54.15 550.54.15.0)'
  expect(parseNvidia(LINES, model)).toStrictEqual({ model, total_memory: 81559, persistence_mode: true })
})

test.each([
  ['another GPU', LINES, 'NVIDIA A100-SXM4-40GB'],
  ['no number', 'NVIDIA A100-SXM4-40GB, [Insufficient Permissions], Enabled\n', 'NVIDIA A100-SXM4-40GB'],
  ['nothing', '', 'NVIDIA A100-SXM4-40GB'],
])('unknown if the driver reports %s', (_, lines, model) => expect(parseNvidia(lines, model)).toBeUndefined())
