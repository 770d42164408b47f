import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { exportModel } from '../../src/export/export.ts'
import { encodeOnnx } from '../../src/export/onnx_file.ts'
import { OUTPUT_NAMES } from '../../src/export/sadaan_onnx.ts'
import { specify } from '../../src/nn/specification.ts'
import { InputError } from '../../src/util/error.ts'
import { writeSafetensors } from '../checkpoint/safetensors_file.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { randomModel } from './random_model.ts'
import { type Fields, messagesIn, numbersIn, readMessage, textIn, textsIn } from './read_protobuf.ts'

const folder = temporaryDirectory()
const shape = { structures: 2, size: [16, 32, 48], inChannels: 3, channels: [2, 3, 4, 5, 6] } as const
const tensors = randomModel(shape, 'onnx')
const weights = join(folder, 'model.safetensors')
const preparation = { orientation: 'RAS', frame: { kind: 'field_of_view' }, image_size: [16, 32, 48] }
const intensity = [0, 1, 2].map(() => ({ kind: 'window', low: -100, high: 250.5 }))
const metadata = {
  structure_names: '["liver","Niere, größer"]',
  preparation: JSON.stringify({ ...preparation, intensity }),
  patches: 'true',
}
writeSafetensors(weights, { tensors, metadata })

function exported(more: { outputs?: string[]; presenceThreshold?: number } = {}): Fields {
  const output = join(folder, 'model.onnx')
  const { bytes } = exportModel({ weights, format: 'onnx', output, overwrite: true, ...more })
  const file = readFileSync(output)
  expect(file.length).toBe(bytes)
  return readMessage(file)
}

const graphOf = (model: Fields): Fields => messagesIn(model, 7)[0]!
const namesOf = (values: Fields[]): string[] => values.map(value => textIn(value, 1))
const model = exported()
const graph = graphOf(model)
const initializers = new Map(messagesIn(graph, 5).map(tensor => [textIn(tensor, 8), tensor]))

describe('the ONNX file', () => {
  test('says of what version, by whom and for whom it is', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
    expect(numbersIn(model, 1)).toStrictEqual([8])
    expect([textIn(model, 2), textIn(model, 3)]).toStrictEqual(['sadaan-gpu', version])
    expect(messagesIn(model, 8).map(opset => [textIn(opset, 1), ...numbersIn(opset, 2)])).toStrictEqual([['', 17]])
    const written = Object.fromEntries(messagesIn(model, 14).map(entry => [textIn(entry, 1), textIn(entry, 2)]))
    expect(written).toStrictEqual({
      ...metadata,
      presence_threshold: '0.5',
      image_size: '[16,32,48]',
      program: `sadaan-gpu ${version}`,
      notice: expect.stringContaining('not a medical device'),
    })
  })

  test('holds the state dict under its names, bit for bit', () => {
    const expected = specify(shape).filter(({ role }) => role !== 'num_batches_tracked')
    expect(expected.length).toBeGreaterThan(100)
    for (const { name } of expected) {
      const tensor = initializers.get(name)!
      expect(numbersIn(tensor, 1), name).toStrictEqual([...tensors.get(name)!.shape])
      expect(numbersIn(tensor, 2), name).toStrictEqual([1])
      const data = tensors.get(name)!.data
      expect((tensor.get(9)![0] as Buffer).equals(Buffer.from(data.buffer)), name).toBe(true)
    }
    expect([...initializers.keys()].filter(name => name.endsWith('num_batches_tracked'))).toStrictEqual([])
  })

  test('gives each node what was made before it, each name once, and nothing for nobody', () => {
    const nodes = messagesIn(graph, 1)
    const made = new Set([...initializers.keys(), ...namesOf(messagesIn(graph, 11))])
    const read = new Set(namesOf(messagesIn(graph, 12)))
    expect(made.size).toBe(initializers.size + 1)
    expect(new Set(nodes.map(node => textIn(node, 3))).size).toBe(nodes.length)
    for (const node of nodes) {
      for (const input of textsIn(node, 1)) {
        expect(made, `${textIn(node, 3)} reads ${input}`).toContain(input)
        read.add(input)
      }
      for (const output of textsIn(node, 2)) {
        expect(made, output).not.toContain(output)
        made.add(output)
      }
    }
    expect([...made].filter(name => !read.has(name))).toStrictEqual([])
  })

  test('declares its input and outputs with a free batch axis', () => {
    const axesOf = (value: Fields): (number | string)[] => {
      const tensorType = messagesIn(messagesIn(value, 2)[0]!, 1)[0]!
      return messagesIn(messagesIn(tensorType, 2)[0]!, 1).map(axis => numbersIn(axis, 1)[0] ?? textIn(axis, 2))
    }
    const declared = (number: number) =>
      Object.fromEntries(messagesIn(graph, number).map(value => [textIn(value, 1), axesOf(value)]))
    expect(declared(11)).toStrictEqual({ image: ['N', 3, 16, 32, 48] })
    const outputs = declared(12)
    expect(Object.keys(outputs)).toStrictEqual(OUTPUT_NAMES)
    expect(outputs).toMatchObject({
      position_priors: [2, 16, 32, 48],
      absence_logits: ['N', 2, 2],
      presence: ['N', 2],
      masks: ['N', 2, 16, 32, 48],
    })
  })

  test('holds a float32 threshold above which lies what is above the one that was asked for', () => {
    const thresholdOf = (presenceThreshold: number): number => {
      const tensor = messagesIn(graphOf(exported({ presenceThreshold })), 5).find(
        each => textIn(each, 8) === 'presence_threshold',
      )!
      return (tensor.get(9)![0] as Buffer).readFloatLE()
    }
    expect(thresholdOf(0.25)).toBe(0.25)
    // the nearest float32 of 0.3 is above it, that of 0.7 below
    expect(thresholdOf(0.3)).toBeLessThan(0.3)
    expect(Math.fround(0.3)).toBeGreaterThan(0.3)
    expect(thresholdOf(0.3)).toBeGreaterThan(0.3 - 2 ** -24)
    expect(thresholdOf(0.7)).toBe(Math.fround(0.7))
    expect(thresholdOf(0)).toBe(0)
  })

  test('with chosen outputs leaves out what they do not need', () => {
    const chosen = graphOf(exported({ outputs: ['masks', 'presence_probs'] }))
    expect(namesOf(messagesIn(chosen, 12))).toStrictEqual(['presence_probs', 'masks'])
    const left = messagesIn(chosen, 5).map(tensor => textIn(tensor, 8))
    const gone = [...initializers.keys()].filter(name => !left.includes(name))
    expect(gone).toStrictEqual(
      ['0.weight', '0.bias', '2.weight', '2.bias'].map(name => `absence_detector.confidence_head.${name}`),
    )
    const scores = graphOf(exported({ outputs: ['confidence_scores'] }))
    expect(messagesIn(scores, 1).some(node => textIn(node, 3).startsWith('segmentation_head'))).toBe(false)
  })

  test('is refused where a protocol buffer would be too large', () => {
    const data = new Float32Array(2 ** 29) // never touched, so the system gives no memory for it
    const huge = { name: 'w', type: 'float' as const, shape: [2 ** 29], data }
    const empty = { name: 'SADAAN', nodes: [], inputs: [], outputs: [] }
    const producer = { name: 'sadaan-gpu', version: '0' }
    const encode = () =>
      encodeOnnx({ graph: { ...empty, initializers: [huge] }, producer, description: '', metadata: {} })
    expect(encode).toThrow(InputError)
    expect(encode).toThrow(/the ONNX file would have \d+ bytes, expected at most 2147483647/)
  })
})
