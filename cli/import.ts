import { Command, Option } from 'commander'
import { IMPORT_DEFAULTS, type ImportOptions, importScans } from '../src/data/import/import.ts'
import type { ChannelRule } from '../src/data/import/intensity_rules.ts'
import { readManifest } from '../src/data/import/manifest.ts'
import type { SourceRequest } from '../src/data/import/sources.ts'
import { parseNames, parseStructures } from '../src/data/import/structures.ts'
import { InputError } from '../src/util/error.ts'
import { summaryLines } from './import_summary.ts'
import { ALL_CHANNELS, percentileRules, windowRules, zscoreRules } from './intensity_options.ts'
import { numberOption, sizeOption, spacingOption } from './options.ts'
import { progressOf } from './progress.ts'

interface ImportCommandOptions extends Omit<ImportOptions, 'sources' | 'intensity' | 'patches' | 'skipBad'> {
  patches?: boolean
  skipBad?: boolean
  images?: string
  labels?: string
  manifest?: string
  structures?: string
  annotated?: string
  subjectPattern?: string
  window?: ChannelRule[]
  zscore?: ChannelRule[]
  percentiles?: ChannelRule[]
  json?: boolean
}

/** `import`: scans with labels → a dataset. */
export function makeImportCommand(): Command {
  const { validationSplit, testSplit, seed } = IMPORT_DEFAULTS
  return new Command('import')
    .description(
      'turn scans (NIfTI, DICOM series) and their labels into a dataset; takes nnU-Net raw and Medical Decathlon folders as they are',
    )
    .option('--images <path>', 'folder of scans, one scan, or a folder with a dataset.json')
    .option('--labels <path>', 'folder of label volumes, or of folders of masks; else those of dataset.json')
    .option('--manifest <file>', 'JSON that lists several sources, instead of --images and --labels')
    .requiredOption('--output-dir <dir>', 'folder to write')
    .option('--image-size <h,w,d>', 'voxels to the right, front and top; axes divisible by 16', sizeOption)
    .option(
      '--spacing <h,w,d>',
      'millimetres of a voxel; scans are cropped or padded. Default: the whole scan',
      spacingOption,
    )
    .option('--patches', 'cut larger scans into patches of --image-size')
    .option('--patch-stride <h,w,d>', 'voxels from patch to patch. Default: half a patch', sizeOption)
    .option('--structures <list>', 'csf=4,brain=5+6, or names of mask files; else dataset.json, or all that occur')
    .option('--annotated <names>', 'the structures that were looked for; the others are unknown. Default: all')
    .option('--subject-pattern <regex>', 'its first group in a scan’s name is whose scan it is. Default: the name')
    .option('--window <[channel=]w>', 'low,high or soft-tissue, lung, bone, brain become 0 and 255', windowRules)
    .addOption(
      new Option('--zscore [channel]', 'mean ± 4 standard deviations of a scan become 0 and 255')
        .argParser(zscoreRules)
        .preset(ALL_CHANNELS),
    )
    .option('--percentiles <[channel=]low,high>', 'of a scan become 0 and 255. Default: 0.5,99.5', percentileRules)
    .option('--validation-split <share>', 'share of the subjects', numberOption, validationSplit)
    .option('--test-split <share>', 'share of the subjects', numberOption, testSplit)
    .option('--seed <n>', 'of the division into splits', numberOption, seed)
    .option('--skip-bad', 'leave out scans that cannot be used and list them, instead of stopping')
    .option('--json', 'print the summary as one JSON object on standard output')
    .action(runImport)
}

async function runImport(options: ImportCommandOptions): Promise<void> {
  const { outputDir, imageSize, spacing, patchStride, validationSplit, testSplit, seed } = options
  const { patches = false, skipBad = false } = options
  let progress: ReturnType<typeof progressOf> | undefined
  let shown = ''
  const report = await importScans(
    {
      ...sourcesOf(options),
      ...{ outputDir, patches, validationSplit, testSplit, seed, skipBad },
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
  else for (const line of summaryLines(report)) console.error(line)
}

function sourcesOf(options: ImportCommandOptions): Pick<ImportOptions, 'sources' | 'structureNames'> {
  const { images, labels, manifest, structures, annotated, subjectPattern } = options
  if (manifest !== undefined) {
    const beside = Object.entries({ images, labels, structures, annotated, 'subject-pattern': subjectPattern })
    const given = beside.find(([, value]) => value !== undefined)
    if (given) throw new InputError(`import: --${given[0]} beside --manifest: expected it in ${manifest}`)
    return readManifest(manifest)
  }
  if (images === undefined) throw new InputError('import: no source, expected --images, or --manifest')
  const source: SourceRequest = {
    images,
    ...(labels === undefined ? {} : { labels }),
    ...(structures === undefined ? {} : { structures: parseStructures(structures) }),
    ...(annotated === undefined ? {} : { annotated: parseNames(annotated) }),
    ...(subjectPattern === undefined ? {} : { subjectPattern }),
  }
  return { sources: [source] }
}
