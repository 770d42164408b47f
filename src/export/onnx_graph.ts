import type { Shape } from '../util/shape.ts'

export type ElementType = 'float' | 'int64' | 'bool'

/** A number or list is an integer attribute; { float } is a float attribute. */
export type Attribute = number | readonly number[] | { float: number }

/** An ONNX operation. Output names are the names of the values. */
export interface Node {
  /** unique within the graph */
  name: string
  op: string
  inputs: readonly string[]
  outputs: readonly string[]
  attributes: Readonly<Record<string, Attribute>>
}

/** A tensor stored in the file. */
export interface Initializer {
  name: string
  type: 'float' | 'int64'
  shape: Shape
  data: Float32Array | BigInt64Array
}

/** An input or output. The batch axis 'N' may have any length. */
export interface Value {
  name: string
  type: ElementType
  shape: readonly (number | 'N')[]
}

export interface Graph {
  name: string
  /** in topological order */
  nodes: readonly Node[]
  initializers: readonly Initializer[]
  inputs: readonly Value[]
  outputs: readonly Value[]
}

/** Collects nodes and the tensors they read. */
export class GraphBuilder {
  readonly nodes: Node[] = []
  readonly initializers: Initializer[] = []

  /** Adds a node with one output that has the node's name. Returns the name. */
  node(
    op: string,
    name: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    this.nodes.push({ name, op, inputs, outputs: [name], attributes })
    return name
  }

  /** Splits along an axis into equal parts named NAME.0, NAME.1, … */
  split(name: string, input: string, parts: number, axis: number): string[] {
    const outputs = Array.from({ length: parts }, (_, i) => `${name}.${i}`)
    this.nodes.push({ name, op: 'Split', inputs: [input], outputs, attributes: { axis } })
    return outputs
  }

  floats(name: string, shape: Shape, data: Float32Array): string {
    this.initializers.push({ name, type: 'float', shape, data })
    return name
  }

  /** A list of integers, the form in which many operations take their axes. */
  integers(name: string, values: readonly number[]): string {
    this.initializers.push({ name, type: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) })
    return name
  }

  /** The graph with only those nodes and initializers that `outputs` depend on. */
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
