import { basename, join } from 'node:path'
import { Dataset, File, ready } from 'h5wasm/node'
import { type Config, defaultConfig } from '../../src/config/schema.ts'
import type { SadaanShape } from '../../src/nn/specification.ts'
import { PACKAGE_ROOT } from '../../src/util/package_root.ts'

/** The numbers of a reference run in float64: a few optimiser steps from given parameters on given batches. */
export interface Golden {
  name: string
  path: string
  shape: SadaanShape
  batch: number
  steps: number
  config: Config
  /** where one ReLU input may round across zero, gradients can only agree loosely */
  smooth: boolean
  has(path: string): boolean
  numbers(path: string): Float64Array
  names(group: string): string[]
  /** of every dataset */
  paths(): string[]
}

export const SMALL = join(PACKAGE_ROOT, 'kernels-test/golden/small.h5')

const folder = process.env.SADAAN_GOLDENS
const larger = ['smooth', 'narrow', 'multichannel', 'narrow_head']

/** The golden in the repository, and the larger ones where SADAAN_GOLDENS names their folder. */
export const goldenPaths = [SMALL, ...(folder ? larger.map(name => join(folder, `${name}.h5`)) : [])]
export const missingGoldens = folder ? [] : larger
export const NO_GOLDENS = 'SADAAN_GOLDENS names no folder of goldens'

export async function openGolden(path: string): Promise<Golden> {
  await ready
  const file = new File(path, 'r')
  const attribute = (name: string): number[] => {
    const value = file.attrs[name]!.value as ArrayLike<bigint | number> | bigint | number
    return Array.from(typeof value === 'object' ? value : [value], Number)
  }
  const scalar = (name: string): number => attribute(name)[0]!
  const config = defaultConfig()
  config.model.dropout = 0
  config.augmentation.enabled = false
  config.optimizer.weight_decay = scalar('weight_decay')
  config.training.gradient_clip_norm = scalar('gradient_clip_norm')
  config.training.learning_rate = scalar('learning_rate')
  const numbers = (at: string): Float64Array => {
    const value = (file.get(at) as Dataset).value
    return Float64Array.from(typeof value === 'object' ? (value as ArrayLike<number | bigint>) : [value], Number)
  }
  return {
    name: basename(path, '.h5'),
    path,
    shape: {
      structures: scalar('structures'),
      size: attribute('size') as [number, number, number],
      inChannels: (file.get('step0/x') as Dataset).shape![1]!,
      channels: attribute('channels') as unknown as SadaanShape['channels'],
      features: (file.get('final/encoder.final_conv.weight') as Dataset).shape![0]!,
    },
    batch: scalar('batch'),
    steps: scalar('steps'),
    config,
    smooth: /smooth|small/.test(basename(path)),
    has: at => file.get(at) !== null,
    numbers,
    paths: () => file.paths().filter(path => file.get(path) instanceof Dataset),
    names: group => (file.get(group) as unknown as { keys(): string[] }).keys(),
  }
}
