import { Command, Option } from 'commander'
import { importScans } from '../src/data/import/import.ts'
import { IMPORT_DEFAULTS, type ImportOptions } from '../src/data/import/import_options.ts'
import type { ChannelRule } from '../src/data/import/intensity_rules.ts'
import { readManifest } from '../src/data/import/manifest.ts'
import type { SourceRequest } from '../src/data/import/sources.ts'
import { parseNames, parseStructures, parseValues } from '../src/data/import/structures.ts'
import { InputError } from '../src/util/error.ts'
import { summaryLines } from './console/import_summary.ts'
import { progressOf } from './console/progress.ts'
import { say } from './console/say.ts'
import { ALL_CHANNELS, percentileRules, windowRules, zscoreRules } from './intensity_options.ts'
import { numberOption, sizeOption, spacingOption } from './options.ts'

interface ImportCommandOptions
  extends Omit<ImportOptions, 'sources' | 'intensity' | 'patches' | 'skipBad' | 'overwrite'> {
  overwrite?: boolean
  patches?: boolean
  skipBad?: boolean
  images?: string
  labels?: string
  manifest?: string
  structures?: string
  leaveOut?: string
  annotated?: string
  subjectPattern?: string
  window?: ChannelRule[]
  zscore?: ChannelRule[]
  percentiles?: ChannelRule[]
  json?: boolean
}

/** `import`: converts scans and labels into a dataset. */
export function makeImportCommand(): Command {
  const { validationSplit, testSplit, seed } = IMPORT_DEFAULTS
  return new Command('import')
    .description(
      'convert scans (NIfTI, NRRD, MetaImage, DICOM series) and their labels into a dataset; folders of nnU-Net raw, the Medical Decathlon and TotalSegmentator work as they are',
    )
    .option('--images <path>', 'folder of scans, one scan, or a folder with a dataset.json')
    .option('--labels <path>', 'folder of label volumes, or of folders of masks (default: those of dataset.json)')
    .option('--manifest <file>', 'JSON file that lists several sources, instead of --images and --labels')
    .requiredOption('--output-dir <dir>', 'folder for the dataset')
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
      '--structures <list>',
      'csf=4,brain=5+6, or names of mask files (default: from dataset.json, or all that occur)',
    )
    .option(
      '--leave-out <values>',
      'label values that no structure needs, 7,20-25; for labels whose values no dataset.json names',
    )
    .option('--annotated <names>', 'the structures that were annotated; the others are unknown (default: all)')
    .option(
      '--subject-pattern <regex>',
      'its first group in a scan name identifies the subject (default: the whole name)',
    )
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
  const { outputDir, imageSize, spacing, patchStride, validationSplit, testSplit, seed } = options
  const { patches = false, skipBad = false, overwrite = false } = options
  let progress: ReturnType<typeof progressOf> | undefined
  let shown = ''
  const report = await importScans(
    {
      ...sourcesOf(options),
      ...{ outputDir, patches, validationSplit, testSplit, seed, skipBad, overwrite },
      ...(imageSize && { imageSize }),
      ...(spacing && { spacing }),
      ...(patchStride && { patchStride }),
      intensity: [...(options.percentiles ?? []), ...(options.zscore ?? []), ...(options.window ?? [])],
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

function sourcesOf(options: ImportCommandOptions): Pick<ImportOptions, 'sources' | 'structureNames'> {
  const { images, labels, manifest, structures, leaveOut, annotated, subjectPattern } = options
  if (manifest !== undefined) {
    const others = Object.entries({
      ...{ images, labels, structures, annotated },
      ...{ 'leave-out': leaveOut, 'subject-pattern': subjectPattern },
    })
    const given = others.find(([, value]) => value !== undefined)
    if (given) throw new InputError(`import: --${given[0]} given with --manifest: expected it in ${manifest}`)
    return readManifest(manifest)
  }
  if (images === undefined) throw new InputError('import: no source, expected --images or --manifest')
  const source: SourceRequest = {
    images,
    ...(labels === undefined ? {} : { labels }),
    ...(structures === undefined ? {} : { structures: parseStructures(structures) }),
    ...(leaveOut === undefined ? {} : { leftOut: parseValues(leaveOut) }),
    ...(annotated === undefined ? {} : { annotated: parseNames(annotated) }),
    ...(subjectPattern === undefined ? {} : { subjectPattern }),
  }
  return { sources: [source] }
}
