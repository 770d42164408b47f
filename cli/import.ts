import { Command, Option } from 'commander'
import { importScans } from '../src/data/import/import.ts'
import { IMPORT_DEFAULTS, type ImportOptions } from '../src/data/import/import_options.ts'
import type { ChannelRule } from '../src/data/import/intensity_rules.ts'
import { importSettingsOf, preparedAs, readRecipe, sourceAs } from '../src/recipe/recipe.ts'
import { summaryLines } from './console/import_summary.ts'
import { progressOf } from './console/progress.ts'
import { say } from './console/say.ts'
import { ALL_CHANNELS, percentileRules, windowRules, zscoreRules } from './intensity_options.ts'
import { numberOption, sizeOption, spacingOption } from './options.ts'
import { type SourceOptions, sourcesOf, withSourceOptions } from './source_options.ts'

interface ImportCommandOptions
  extends SourceOptions,
    Omit<ImportOptions, 'sources' | 'intensity' | 'patches' | 'skipBad' | 'overwrite'> {
  overwrite?: boolean
  patches?: boolean
  skipBad?: boolean
  recipe?: string
  window?: ChannelRule[]
  zscore?: ChannelRule[]
  percentiles?: ChannelRule[]
  json?: boolean
}

/** `import`: converts scans and labels into a dataset. */
export function makeImportCommand(): Command {
  const { validationSplit, testSplit, seed } = IMPORT_DEFAULTS
  return withSourceOptions(new Command('import'))
    .description(
      'convert scans (NIfTI, DICOM series) and their labels into a dataset; folders of nnU-Net raw, the Medical Decathlon and TotalSegmentator work as they are',
    )
    .requiredOption('--output-dir <dir>', 'folder for the dataset')
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
    .option('--validation-split <share>', 'share of the subjects for validation', numberOption, validationSplit)
    .option('--test-split <share>', 'share of the subjects for testing', numberOption, testSplit)
    .option('--seed <n>', 'seed of the random splits', numberOption, seed)
    .option('--skip-bad', 'skip scans that cannot be used and list them, instead of stopping')
    .option(
      '--overwrite',
      'replace another dataset in the folder; an earlier run of the same import is replaced anyway',
    )
    .option('--json', 'print the summary as one JSON object')
    .action(runImport)
}

async function runImport(options: ImportCommandOptions): Promise<void> {
  const { outputDir, validationSplit, testSplit, seed, skipBad = false, overwrite = false } = options
  let progress: ReturnType<typeof progressOf> | undefined
  let shown = ''
  const report = await importScans(
    {
      ...requested(options),
      ...{ outputDir, validationSplit, testSplit, seed, skipBad, overwrite },
    },
    (step, done, all) => {
      if (step !== shown) {
        progress?.end()
        progress = progressOf(step)
        shown = step
      }
      progress?.update(done, all)
    },
  ).finally(() => progress?.end())
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
  else for (const line of summaryLines(report)) say(line)
}

/** Sources and preparation: given by hand, else by the recipe. */
function requested(options: ImportCommandOptions) {
  const { imageSize, spacing, patches, patchStride, recipe } = options
  const intensity = [...(options.percentiles ?? []), ...(options.zscore ?? []), ...(options.window ?? [])]
  const given = {
    ...(imageSize && { imageSize }),
    ...(spacing && { spacing }),
    ...(patches && { patches }),
    ...(patchStride && { patchStride }),
    intensity,
  }
  const { sources, ...rest } = sourcesOf(options, 'import')
  if (recipe === undefined) return { sources, ...rest, patches: false, ...given }
  const settings = importSettingsOf(readRecipe(recipe))
  const isListed = options.manifest !== undefined // a manifest says itself how to read its sources
  return {
    sources: isListed ? sources : sources.map(source => sourceAs(settings, source)),
    ...rest,
    ...preparedAs(settings, given),
  }
}
