import type { DType, Precision, Tensor, Window } from './tensor.ts'

/** The facts about the adapter that an operation may use to lay out its dispatches. Plain data, no GPU objects. */
export interface AdapterFacts {
  /** bytes; no binding may be longer */
  maxBindingBytes: number
  maxWorkgroupInvocations: number
  /** bytes */
  maxWorkgroupMemory: number
  /** WebGPU feature names, e.g. 'shader-f16', 'subgroups' */
  features: ReadonlySet<string>
  /** The adapter runs on the CPU, where barriers and workgroup memory cost more than they save. */
  software: boolean
  /** seconds that a submit may take before the system takes the GPU for hung and resets it; undefined where none does */
  longestSubmit?: number
  /** smallest and largest number of invocations in a subgroup */
  subgroupSizes: { min: number; max: number }
  /** supported shapes of subgroup matrices; empty without the feature */
  subgroupMatrices: readonly SubgroupMatrix[]
  /** storage type of activations; convolutions may round their inputs to it */
  precision: Precision
}

/** WebGPU's guaranteed values. */
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

/** The effect of a batch norm on a stored value: (value − mean) · slope + bias, per channel, then optionally a ReLU. */
export interface Normalisation {
  coefficients: Tensor // (C, 4) mean, 1 / deviation, weight / deviation, bias
  relu: boolean
}

/** One GPU dispatch as data: the shader, its bindings by name, and the amount of work. */
export interface Dispatch {
  /** path under shaders/ without `.wgsl`, then values for its words: 'conv3d/pad', 'conv3d/matrix EDGE=16 …' */
  shader: string
  /** entry point; 'main' unless the file holds several */
  entry?: string
  /** all storage bindings that the entry point uses, by WGSL name */
  bindings: Record<string, Tensor | Window>
  /** all fields of the uniform `params`, by WGSL name; absent if the shader has none */
  params?: Record<string, number | readonly number[]>
  /** override constants by name */
  constants?: Record<string, number>
  /** Applied to the source on load (lib/source). If undefined, the source is read as stored. */
  normalisation?: Normalisation | undefined
  /**
   * Work: the invocations of a one-dimensional kernel (folded into the limit per dimension; the shader gets its index from
   * `index_of` in lib/grid), or explicit workgroup counts.
   */
  invocations?: number
  workgroups?: readonly [number, number, number]
  /** 2 · multiply-adds, for benchmarks and for cutting submits */
  flops?: number
}

/** Where a kernel reads an activation: either its own memory, or the input of a batch norm that the reader then applies. */
export interface Source {
  tensor: Tensor
  normalisation?: Normalisation
}

/** What a variant can use while it lowers a call. */
export interface Lowering {
  facts: AdapterFacts
  /** Creates a scratch tensor whose lifetime is this call. */
  scratch(name: string, shape: readonly number[], dtype?: DType): Tensor
  /**
   * Where to read an activation. A variant that can normalise on load calls this and passes the normalisation to its dispatch.
   * If a variant binds an activation directly, the planner materialises it before the variant's dispatches.
   */
  source(activation: Tensor): Source
}

/** One way to run a kernel. The first variant that fits and suits runs, unless a tuned table names another. */
export interface Variant<Args> {
  name: string
  /** Whether it can run; true by default. */
  fits?(args: Args, facts: AdapterFacts): boolean
  /** Whether to choose it without a measurement; true by default. */
  suits?(args: Args, facts: AdapterFacts): boolean
  /** It rounds its inputs to f16, so the autotuner skips it in f32. */
  roundsInputs?: boolean
  /** Dispatches in order. No binding may exceed facts.maxBindingBytes: cut with `slices` if necessary. */
  lower(args: Args, at: Lowering): Dispatch[]
}

/** A named piece of GPU work on tensors, with one or more variants that compute the same result. */
export interface Kernel<Args> {
  name: string
  variants: readonly [Variant<Args>, ...Variant<Args>[]]
  /** For a kernel whose readers can do its work on load: its only result, and the source they read instead. */
  defers?(args: Args): { result: Tensor; source: Source }
}

/** A kernel with a single variant. */
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
