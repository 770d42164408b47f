import { Command } from 'commander'
import { IMPORT_DEFAULTS, type ImportOptions, importNifti } from '../src/data/import.ts'
import { parseStructures } from '../src/data/import_names.ts'
import { numberOption, sizeOption } from './options.ts'

interface ImportCommandOptions extends Omit<ImportOptions, 'structures' | 'percentiles'> {
  structures?: string
  percentiles: string
}

/** `import`: NIfTI images with label volumes → a dataset. */
export function makeImportCommand(): Command {
  const { validationSplit, testSplit, percentiles, seed } = IMPORT_DEFAULTS
  return new Command('import')
    .description('turn NIfTI images and label volumes into a dataset')
    .requiredOption('--images <path>', 'folder of NIfTI images (nnU-Net’s _0000 channels too), or one file')
    .requiredOption('--labels <path>', 'folder of label volumes on the same grids, or one file')
    .requiredOption('--output-dir <dir>', 'folder to write')
    .requiredOption(
      '--image-size <h,w,d>',
      'voxels the whole field of view is resampled to; axes divisible by 16',
      sizeOption,
    )
    .option(
      '--structures <list>',
      'names and label values, e.g. csf=4,grey=5,white=6; else dataset.json, or every value',
    )
    .option('--validation-split <share>', 'share of the subjects', numberOption, validationSplit)
    .option('--test-split <share>', 'share of the subjects', numberOption, testSplit)
    .option('--percentiles <low,high>', 'of a volume’s intensities, which become 0 and 255', percentiles.join(','))
    .option('--seed <n>', 'of the division into splits', numberOption, seed)
    .action(runImport)
}

async function runImport({ structures, percentiles, ...options }: ImportCommandOptions): Promise<void> {
  const [low, high] = percentiles.split(',').map(numberOption)
  const report = await importNifti(
    {
      ...options,
      percentiles: [low ?? Number.NaN, high ?? Number.NaN],
      ...(structures === undefined ? {} : { structures: parseStructures(structures) }),
    },
    done => process.stderr.write(`${done} ${done === 1 ? 'subject' : 'subjects'} read\n`),
  )
  for (const warning of report.warnings) console.error(`warning: ${warning}`)
  const counts = Object.entries(report.splits).filter(([, subjects]) => subjects.length > 0)
  console.error(`structures  ${report.structureNames.join(', ')}`)
  console.error(`splits      ${counts.map(([name, subjects]) => `${name} ${subjects.length}`).join(', ')}`)
  console.error(`dataset     ${options.outputDir}`)
}
