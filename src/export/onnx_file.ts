import { InputError } from '../util/error.ts'
import { block, float, integer, lengthOf, message, type Pieces } from '../util/protobuf.ts'
import type { Attribute, Graph, Initializer, Node, Value } from './onnx_graph.ts'

/** Supported by onnx 1.12 (2022) and later. */
const IR_VERSION = 8
const OPSET = 17
/** Limit of protocol buffers. */
const MOST_BYTES = 2 ** 31 - 1

const TENSOR_TYPES = { float: 1, int64: 7, bool: 9 } as const
const ATTRIBUTE_TYPES = { float: 1, integer: 2, integers: 7 } as const

export interface OnnxModel {
  graph: Graph
  producer: { name: string; version: string }
  description: string
  metadata: Readonly<Record<string, string>>
}

/** Encodes an ONNX file (field numbers as in onnx.proto). Throws InputError if it would be 2 GiB or larger. */
export function encodeOnnx({ graph, producer, description, metadata }: OnnxModel): Pieces {
  const pieces = message(
    integer(1, IR_VERSION),
    block(2, producer.name),
    block(3, producer.version),
    block(6, description),
    block(7, graphProto(graph)),
    block(8, message(block(1, ''), integer(2, OPSET))),
    ...Object.entries(metadata).map(([key, value]) => block(14, message(block(1, key), block(2, value)))),
  )
  const bytes = lengthOf(pieces)
  if (bytes > MOST_BYTES)
    throw new InputError(`${graph.name}: the ONNX file would have ${bytes} bytes, expected at most ${MOST_BYTES}`)
  return pieces
}

function graphProto({ name, nodes, initializers, inputs, outputs }: Graph): Pieces {
  return message(
    ...nodes.map(node => block(1, nodeProto(node))),
    block(2, name),
    ...initializers.map(initializer => block(5, tensorProto(initializer))),
    ...inputs.map(value => block(11, valueProto(value))),
    ...outputs.map(value => block(12, valueProto(value))),
  )
}

function nodeProto({ name, op, inputs, outputs, attributes }: Node): Pieces {
  return message(
    ...inputs.map(input => block(1, input)),
    ...outputs.map(output => block(2, output)),
    block(3, name),
    block(4, op),
    ...Object.entries(attributes).map(([key, value]) => block(5, attributeProto(key, value))),
  )
}

function attributeProto(name: string, value: Attribute): Pieces {
  if (typeof value === 'number') return message(block(1, name), integer(3, value), integer(20, ATTRIBUTE_TYPES.integer))
  if ('float' in value) return message(block(1, name), float(2, value.float), integer(20, ATTRIBUTE_TYPES.float))
  return message(block(1, name), ...value.map(item => integer(8, item)), integer(20, ATTRIBUTE_TYPES.integers))
}

function tensorProto({ name, type, shape, data }: Initializer): Pieces {
  return message(
    ...shape.map(axis => integer(1, axis)),
    integer(2, TENSOR_TYPES[type]),
    block(8, name),
    block(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)), // little-endian, as every host of WebGPU is
  )
}

function valueProto({ name, type, shape }: Value): Pieces {
  const axes = shape.map(axis => block(1, axis === 'N' ? block(2, axis) : integer(1, axis)))
  const tensorType = message(integer(1, TENSOR_TYPES[type]), block(2, message(...axes)))
  return message(block(1, name), block(2, block(1, tensorType)))
}
