import { type ImageSize, sizeOf } from '../util/shape.ts'
import { type ModelInput, mirror } from './inputs.ts'
import type { RawOutputs, SubjectPrediction, VolumeName } from './subject_prediction.ts'
import { VolumeStore } from './volume_store.ts'
import { WindowBlend } from './windows.ts'

export interface AggregatorOptions {
  structures: number
  window: ImageSize
  names: readonly VolumeName[]
  /** for each structure its counterpart in a left-right flip */
  partners: readonly number[]
  /** passes per window */
  flips: number
  /** path of the temporary file for volumes larger than `memoryLimit` bytes */
  scratch: (name: VolumeName) => string
  memoryLimit: number
}

/**
 * Combines the passes of each subject. Flips are mirrored back, left and right swapped after a left-right flip, and averaged; windows are
 * blended; presence is the maximum over windows. A subject with a single pass keeps the bits of that pass.
 */
export class Aggregator {
  private readonly options: AggregatorOptions
  private readonly window: FlipMean
  private presence: Float32Array
  private blends: Map<VolumeName, { blend: WindowBlend; store: VolumeStore }> | undefined

  constructor(options: AggregatorOptions) {
    this.options = options
    this.window = new FlipMean(options)
    this.presence = new Float32Array(options.structures)
  }

  /** Returns the subject's prediction after its last pass. It is valid until the next call. */
  add(pass: ModelInput, outputs: RawOutputs): SubjectPrediction | undefined {
    if (pass.isFirst) this.begin(pass)
    const mean = this.window.add(pass.flip, outputs)
    if (!mean) return undefined
    for (let s = 0; s < this.presence.length; s++)
      this.presence[s] = Math.max(this.presence[s]!, mean.presence_probs[s]!)
    for (const [name, { blend }] of this.blends ?? []) blend.add(pass.corner, mean[name])
    return pass.isLast ? this.predictionOf(mean) : undefined
  }

  /** Removes temporary files. */
  close(): void {
    for (const { store } of this.blends?.values() ?? []) store.close()
    this.blends = undefined
  }

  private begin({ subject, corners }: ModelInput): void {
    this.close()
    this.window.begin()
    this.presence.fill(0)
    if (corners.length === 1) return
    const { structures, window, names, scratch, memoryLimit } = this.options
    const grid = subject.frame.size
    this.blends = new Map()
    for (const name of names) {
      const store = new VolumeStore(structures, grid, scratch(name), memoryLimit)
      this.blends.set(name, { blend: new WindowBlend(grid, window, corners, store), store })
    }
  }

  private predictionOf(only: WindowMean): SubjectPrediction {
    const { presence, blends } = this
    if (!blends) {
      const voxels = sizeOf(this.options.window)
      return { presence, volume: (name, s) => only[name as VolumeName].subarray(s * voxels, (s + 1) * voxels) }
    }
    for (const { blend } of blends.values()) blend.finish()
    return { presence, volume: (name, s) => blends.get(name as VolumeName)!.store.volume(s) }
  }
}

type WindowMean = Pick<RawOutputs, VolumeName | 'presence_probs'>

/** Averages the flips of a window. */
class FlipMean {
  private readonly options: AggregatorOptions
  private readonly sums: Map<VolumeName, Float32Array>
  private readonly presence: Float64Array
  private readonly back: Float32Array
  private done = 0

  constructor(options: AggregatorOptions) {
    this.options = options
    const voxels = sizeOf(options.window)
    const isNeeded = options.flips > 1
    const values = isNeeded ? options.structures * voxels : 0
    this.sums = new Map(options.names.map(name => [name, new Float32Array(values)]))
    this.presence = new Float64Array(options.structures)
    this.back = new Float32Array(isNeeded ? voxels : 0)
  }

  /** Forgets the passes of a window that was never completed. */
  begin(): void {
    this.done = 0
  }

  /** Returns the mean after the window's last flip. It is valid until the next call. */
  add(flip: readonly number[], outputs: RawOutputs): WindowMean | undefined {
    const { structures, flips, partners, names, window } = this.options
    if (flips === 1) return outputs
    const voxels = sizeOf(window)
    if (this.done === 0) {
      this.presence.fill(0)
      for (const sums of this.sums.values()) sums.fill(0)
    }
    for (let s = 0; s < structures; s++) {
      const from = flip.includes(0) ? partners[s]! : s
      this.presence[s]! += outputs.presence_probs[from]! / flips
      for (const name of names) {
        mirror(outputs[name].subarray(from * voxels, (from + 1) * voxels), window, flip, this.back)
        const sums = this.sums.get(name)!
        for (let v = 0; v < voxels; v++) sums[s * voxels + v]! += this.back[v]! / flips
      }
    }
    this.done = (this.done + 1) % flips
    if (this.done > 0) return undefined
    const none = new Float32Array(0)
    const [segmentation_probs, attention_maps] = [
      this.sums.get('segmentation_probs') ?? none,
      this.sums.get('attention_maps') ?? none,
    ]
    return { segmentation_probs, attention_maps, presence_probs: Float32Array.from(this.presence) }
  }
}
