import { type Command, Option } from 'commander'
import type { ImportOptions } from '../../src/data/import/import_options.ts'
import type { ChannelRule } from '../../src/data/import/intensity_rules.ts'
import { importSettingsOf, type PreparedAs, preparedAs, readRecipe, sourceAs } from '../../src/recipe/recipe.ts'
import { sizeOption, spacingOption } from '../options.ts'
import { ALL_CHANNELS, percentileRules, windowRules, zscoreRules } from './intensity_options.ts'
import { type SourceOptions, sourcesOf } from './source_options.ts'

/** How scans become samples. */
export interface PreparationOptions extends Pick<ImportOptions, 'imageSize' | 'spacing' | 'patchStride'> {
  patches?: boolean
  recipe?: string
  window?: ChannelRule[]
  zscore?: ChannelRule[]
  percentiles?: ChannelRule[]
}

/** Adds the options that say how scans are prepared to a command. */
export function withPreparationOptions(command: Command): Command {
  return command
    .option('--recipe <dir>', 'take what configure wrote there; options given here override it')
    .option(
      '--image-size <h,w,d>',
      'voxels along the axes to the right, front and top; each divisible by 16',
      sizeOption,
    )
    .option(
      '--spacing <h,w,d>',
      'voxel spacing in millimetres; crops or pads scans (default: resample the whole scan)',
      spacingOption,
    )
    .option('--patches', 'cut larger scans into patches of --image-size')
    .option('--patch-stride <h,w,d>', 'voxels between patches (default: half a patch)', sizeOption)
    .option(
      '--window <[channel=]w>',
      'low,high or soft-tissue, lung, bone, brain: map this range to 0..255',
      windowRules,
    )
    .addOption(
      new Option('--zscore [channel]', 'map the mean ± 4 standard deviations of each scan to 0..255')
        .argParser(zscoreRules)
        .preset(ALL_CHANNELS),
    )
    .option(
      '--percentiles <[channel=]low,high>',
      'map these percentiles of each scan to 0..255 (default: 0.5,99.5, except for CT)',
      percentileRules,
    )
}

/** Sources and preparation: given by hand, else by the recipe. Throws InputError with one line. */
export function requestedScans(
  options: SourceOptions & PreparationOptions,
  command: 'import' | 'cross-validate',
): Pick<ImportOptions, 'sources' | 'structureNames'> & PreparedAs {
  const { imageSize, spacing, patches, patchStride, recipe } = options
  const intensity = [...(options.percentiles ?? []), ...(options.zscore ?? []), ...(options.window ?? [])]
  const given = {
    ...(imageSize && { imageSize }),
    ...(spacing && { spacing }),
    ...(patches && { patches }),
    ...(patchStride && { patchStride }),
    intensity,
  }
  const { sources, ...rest } = sourcesOf(options, command)
  if (recipe === undefined) return { sources, ...rest, patches: false, ...given }
  const settings = importSettingsOf(readRecipe(recipe))
  const isListed = options.manifest !== undefined // a manifest says itself how to read its sources
  return {
    sources: isListed ? sources : sources.map(source => sourceAs(settings, source)),
    ...rest,
    ...preparedAs(settings, given),
  }
}
