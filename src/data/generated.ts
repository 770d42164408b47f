import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../util/error.ts'
import type { GenerateOptions } from './synthetic/generate.ts'

/**
 * Whether the folder holds the dataset that `generateDataset` would write with these options: all of it, since metadata.json is written
 * last. False where there is no dataset. Throws InputError where there is another one, which nobody wants to lose.
 */
export function isGenerated(options: GenerateOptions): boolean {
  const { outputDir: folder, imageSize, totalSamples, validationSplit, testSplit } = options
  const path = join(folder, 'metadata.json')
  if (!existsSync(path)) return false
  const { positionNoise, sizeNoise, intensityNoise, seed } = options
  const wanted = {
    image_size: imageSize,
    total_samples: totalSamples,
    validation_split: validationSplit,
    test_split: testSplit,
    position_noise: positionNoise,
    size_noise: sizeNoise,
    intensity_noise: intensityNoise,
    seed,
  }
  const found = { ...describedIn(path) }
  for (const [name, value] of Object.entries(wanted))
    if (JSON.stringify(found[name]) !== JSON.stringify(value))
      throw new InputError(
        `${folder}: holds another dataset: ${name} is ${JSON.stringify(found[name])}, expected ${JSON.stringify(value)}; choose another folder or remove it`,
      )
  return true
}

/** What metadata.json says of how the dataset was generated, in one record. */
function describedIn(path: string): Record<string, unknown> {
  try {
    const { image_size, dataset_info, generation_params } = JSON.parse(readFileSync(path, 'utf8'))
    return { image_size, ...dataset_info, ...generation_params }
  } catch {
    return {}
  }
}
