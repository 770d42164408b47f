import type { DType, Precision, Tensor, Window } from './tensor.ts'

/** What an operation may know of the adapter when it lays out its dispatches. Plain facts, no GPU objects. */
export interface AdapterFacts {
  /** bytes; no binding may be longer */
  maxBindingBytes: number
  maxWorkgroupInvocations: number
  /** bytes */
  maxWorkgroupMemory: number
  /** WebGPU feature names, e.g. 'shader-f16', 'subgroups' */
  features: ReadonlySet<string>
  /** A software adapter: lanes of a CPU, where barriers and workgroup memory cost more than they save. */
  software: boolean
  /** invocations of a subgroup, at least and at most */
  subgroupSizes: { min: number; max: number }
  /** shapes of subgroup matrices that the adapter multiplies; empty without the feature */
  subgroupMatrices: readonly SubgroupMatrix[]
  /** what activations are stored as and convolutions may round their inputs to */
  precision: Precision
}

/** What every WebGPU adapter has. */
export const GUARANTEED_FACTS: AdapterFacts = {
  maxBindingBytes: 128 * 2 ** 20,
  maxWorkgroupInvocations: 256,
  maxWorkgroupMemory: 16384,
  features: new Set(),
  software: false,
  subgroupSizes: { min: 4, max: 128 },
  subgroupMatrices: [],
  precision: 'f32',
}

/** left (M, K) × right (K, N) → result (M, N) */
export interface SubgroupMatrix {
  /** of left and right, e.g. 'f16' */
  componentType: string
  resultComponentType: string
  M: number
  N: number
  K: number
}

/** What a batch norm does to a stored value: (value − mean) · slope + bias of its channel, then a ReLU where asked for. */
export interface Normalisation {
  coefficients: Tensor // (C, 4) mean, 1 / deviation, weight / deviation, bias
  relu: boolean
}

/** One GPU dispatch as data: which shader, what is bound to each of its names, how much work. */
export interface Dispatch {
  /** path under shaders/ without `.wgsl`, and words for what its text leaves open: 'conv3d/pad', 'conv3d/matrix EDGE=16 …' */
  shader: string
  /** entry point; 'main' unless the file holds several */
  entry?: string
  /** every storage binding the entry point uses, by its WGSL name */
  bindings: Record<string, Tensor | Window>
  /** every field of the shader's uniform `params`, by its WGSL name; absent when the shader has none */
  params?: Record<string, number | readonly number[]>
  /** override constants by name */
  constants?: Record<string, number>
  /** What the shader does to its source as it loads (lib/source); the source as it lies where undefined. */
  normalisation?: Normalisation | undefined
  /**
   * Work: a count of invocations of a one-dimensional kernel (folded into the dispatch limits; the shader finds its index with
   * `index_of` of lib/grid), or explicit workgroup counts.
   */
  invocations?: number
  workgroups?: readonly [number, number, number]
  /** multiply-adds · 2, for the benchmark and the planner's slicing of submits */
  flops?: number
}

/** Where a kernel reads an activation: in memory as it is meant, or in front of the batch norm that the reader then applies. */
export interface Source {
  tensor: Tensor
  normalisation?: Normalisation
}

/** What a variant may ask for while it lowers itself. */
export interface Lowering {
  facts: AdapterFacts
  /** Names a scratch tensor that lives only inside this call. */
  scratch(name: string, shape: readonly number[], dtype?: DType): Tensor
  /**
   * Where to read an activation. A variant that normalises as it loads asks here and gives the answer's normalisation to the dispatch;
   * one that binds an activation without asking gets it made for itself in front of its dispatches.
   */
  source(activation: Tensor): Source
}

/** One way to run a kernel. The first variant that fits and suits is taken unless a tuned table says otherwise. */
export interface Variant<Args> {
  name: string
  /** Whether it can run: always unless given. */
  fits?(args: Args, facts: AdapterFacts): boolean
  /** Whether it is worth taking where nothing was measured: always unless given. */
  suits?(args: Args, facts: AdapterFacts): boolean
  /** It rounds what it reads to f16: no candidate of the autotuner where the precision is f32. */
  roundsInputs?: boolean
  /** Dispatches in order. Every binding must respect facts.maxBindingBytes: cut with `slices` where it may not. */
  lower(args: Args, at: Lowering): Dispatch[]
}

/** A kernel: a named piece of GPU work on tensors, with one or more variants that compute the same. */
export interface Kernel<Args> {
  name: string
  variants: readonly [Variant<Args>, ...Variant<Args>[]]
  /** Of a kernel whose readers can do its work as they load: its one result, and what they read instead. */
  defers?(args: Args): { result: Tensor; source: Source }
}

/** A kernel with a single way to run. */
export function kernel<Args>(name: string, lower: Variant<Args>['lower']): Kernel<Args> {
  return { name, variants: [{ name, lower }] }
}

/** A recorded use of a kernel. */
export interface Call {
  /** e.g. 'encoder.enc1.0 conv3d.forward' */
  label: string
  kernel: Kernel<unknown>
  args: unknown
}
