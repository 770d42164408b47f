import type { Shape } from '../util/shape.ts'

export type ElementType = 'float' | 'int64' | 'bool'

/** number: a whole number; numbers: whole ones; { float }: any */
export type Attribute = number | readonly number[] | { float: number }

/** An operation of ONNX with one result or several; their names are the values' names. */
export interface Node {
  /** unique in its graph */
  name: string
  op: string
  inputs: readonly string[]
  outputs: readonly string[]
  attributes: Readonly<Record<string, Attribute>>
}

/** A tensor that is part of the file. */
export interface Initializer {
  name: string
  type: 'float' | 'int64'
  shape: Shape
  data: Float32Array | BigInt64Array
}

/** An input or output; the axis 'N' is the batch's and has any length. */
export interface Value {
  name: string
  type: ElementType
  shape: readonly (number | 'N')[]
}

export interface Graph {
  name: string
  /** in an order in which each finds its inputs made */
  nodes: readonly Node[]
  initializers: readonly Initializer[]
  inputs: readonly Value[]
  outputs: readonly Value[]
}

/** Collects nodes and the tensors that they read. */
export class GraphBuilder {
  readonly nodes: Node[] = []
  readonly initializers: Initializer[] = []

  /** A node with one result, whose value has the node's name, which is returned. */
  node(
    op: string,
    name: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    this.nodes.push({ name, op, inputs, outputs: [name], attributes })
    return name
  }

  /** Equal parts along an axis, named NAME.0, NAME.1, … */
  split(name: string, input: string, parts: number, axis: number): string[] {
    const outputs = Array.from({ length: parts }, (_, i) => `${name}.${i}`)
    this.nodes.push({ name, op: 'Split', inputs: [input], outputs, attributes: { axis } })
    return outputs
  }

  floats(name: string, shape: Shape, data: Float32Array): string {
    this.initializers.push({ name, type: 'float', shape, data })
    return name
  }

  /** A list of whole numbers, as many operations take their axes. */
  integers(name: string, values: readonly number[]): string {
    this.initializers.push({ name, type: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) })
    return name
  }

  /** Everything that `outputs` follow from, and nothing else. */
  graph(name: string, inputs: readonly Value[], outputs: readonly Value[]): Graph {
    const needed = new Set(outputs.map(output => output.name))
    const nodes = this.nodes
      .toReversed()
      .filter(node => {
        const isNeeded = node.outputs.some(output => needed.has(output))
        if (isNeeded) for (const input of node.inputs) needed.add(input)
        return isNeeded
      })
      .reverse()
    const initializers = this.initializers.filter(initializer => needed.has(initializer.name))
    return { name, nodes, initializers, inputs, outputs }
  }
}
