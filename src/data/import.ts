import { mkdirSync } from 'node:fs'
import { InputError } from '../util/error.ts'
import { OP_SPLIT, RandomStream } from '../util/random.ts'
import { type ImageSize, SPLIT_NAMES, type SplitName } from './dataset.ts'
import { namedStructures } from './import_names.ts'
import { pairSubjects, type SubjectFiles } from './import_pairs.ts'
import { importSubject, type LabelledStructure, labelValues, type SubjectRecord } from './import_subject.ts'
import { readNifti } from './nifti.ts'
import { type DatasetMetadata, type StoredSample, writeDatasetFiles } from './split_writer.ts'

export interface ImportOptions {
  /** A folder of NIfTI files, or one file. */
  images: string
  /** A folder of NIfTI label volumes on the images' grids, or one file. */
  labels: string
  outputDir: string
  imageSize: ImageSize
  /** Default: what a dataset.json beside the images says; without one every value that occurs, named label_<value>. */
  structures?: readonly LabelledStructure[]
  /** Share of the subjects. */
  validationSplit: number
  /** Share of the subjects. */
  testSplit: number
  /** Percentiles of a volume's intensities that become 0 and 255. */
  percentiles: readonly [number, number]
  seed: number
}

export const IMPORT_DEFAULTS = {
  validationSplit: 0.2,
  testSplit: 0,
  percentiles: [0.5, 99.5],
  seed: 42,
} as const satisfies Partial<ImportOptions>

export interface ImportReport {
  structureNames: string[]
  splits: Record<SplitName, string[]>
  /** Lines for the user. */
  warnings: string[]
}

/**
 * Turns NIfTI images with label volumes into a dataset: axes brought to right, anterior, superior; the whole field of
 * view resampled to `imageSize` (trilinear images, nearest labels); intensities scaled to 0..255 by percentiles; one mask
 * per label value; a structure is present where the label volume has a voxel of it, even if resampling loses it.
 * Subjects are divided at random by seed. Where none is left for validation the training subjects serve for both, with a
 * warning. metadata.json records what was done to each subject. `onSubject` is called after each with the number done.
 * Throws InputError naming file and reason; the directory then holds no dataset.
 */
export async function importNifti(options: ImportOptions, onSubject?: (done: number) => void): Promise<ImportReport> {
  checkOptions(options)
  const subjects = pairSubjects(options.images, options.labels)
  const structures = options.structures ?? namedStructures(options.images) ?? findStructures(subjects)
  checkStructures(structures)
  const plan = planSubjects(subjects, options)
  const channels = subjects[0]!.images.reduce((sum, path) => sum + readNifti(path).channels, 0)
  mkdirSync(options.outputDir, { recursive: true })
  const records: (SubjectRecord & { split: SplitName })[] = []
  function* samplesOf(split: SplitName): Iterable<StoredSample> {
    for (const files of plan.splits[split]) {
      const { record, ...sample } = importSubject(files, options.imageSize, structures, options.percentiles)
      if (record.intensity.length !== channels)
        throw new InputError(
          `${files.images[0]}: has ${record.intensity.length} channels, the first subject ${channels}`,
        )
      records.push({ ...record, split })
      yield { ...sample, scenario: files.name }
      onSubject?.(records.length)
    }
  }
  const filled = SPLIT_NAMES.filter(name => plan.splits[name].length > 0)
  const splits = Object.fromEntries(filled.map(name => [name, samplesOf(name)]))
  const stored = channels === 1 ? {} : { channels }
  const shape = { ...stored, imageSize: options.imageSize, structures: structures.length }
  await writeDatasetFiles(options.outputDir, shape, splits, () => metadataOf(options, structures, records))
  return reportOf(structures, plan)
}

interface Plan {
  splits: Record<SplitName, SubjectFiles[]>
  warnings: string[]
}

function planSubjects(subjects: SubjectFiles[], { validationSplit, testSplit, seed }: ImportOptions): Plan {
  const order = new RandomStream({ seed, operation: OP_SPLIT }).shuffle([...subjects])
  const share = (part: number): number => (part > 0 ? Math.max(1, Math.round(part * order.length)) : 0)
  const warnings: string[] = []
  // Training comes first: with few subjects the other two get what it leaves.
  const test = Math.min(share(testSplit), Math.max(0, order.length - 2))
  const validation = Math.min(share(validationSplit), order.length - test - 1)
  if (testSplit > 0 && test === 0) warnings.push(`${order.length} subjects leave none for testing: no test split`)
  const train = order.slice(test + validation)
  if (validation > 0)
    return { splits: { train, val: order.slice(test, test + validation), test: order.slice(0, test) }, warnings }
  warnings.push(
    'no subject is left for validation: it uses the training subjects, its figures say nothing about others',
  )
  return { splits: { train, val: train, test: order.slice(0, test) }, warnings }
}

function findStructures(subjects: SubjectFiles[]): LabelledStructure[] {
  const values = new Set(subjects.flatMap(({ label }) => labelValues(label)))
  if (values.size === 0) throw new InputError(`${subjects[0]!.label}: no label but 0 in any volume`)
  return [...values].sort((a, b) => a - b).map(value => ({ value, name: `label_${value}` }))
}

function checkOptions({ imageSize, validationSplit, testSplit, percentiles }: ImportOptions): void {
  if (imageSize.some(axis => !Number.isInteger(axis) || axis < 16 || axis % 16 !== 0))
    throw new InputError(`import: image size ${imageSize.join(',')}: every axis must be a multiple of 16`)
  if (!(validationSplit >= 0 && testSplit >= 0 && validationSplit + testSplit < 1))
    throw new InputError(
      `import: validation ${validationSplit} and test ${testSplit}: expected shares with a sum below 1`,
    )
  const [low, high] = percentiles
  if (!(low >= 0 && low < high && high <= 100))
    throw new InputError(`import: percentiles ${low} and ${high}, expected 0 ≤ low < high ≤ 100`)
}

function checkStructures(structures: readonly LabelledStructure[]): void {
  if (structures.length === 0) throw new InputError('import: no structures were named')
  for (const key of ['name', 'value'] as const) {
    const all = structures.map(structure => structure[key])
    const twice = all.find((item, i) => all.indexOf(item) !== i)
    if (twice !== undefined) throw new InputError(`import: structure ${key} ${twice} is given twice`)
  }
}

function metadataOf(
  { imageSize, percentiles, seed, validationSplit, testSplit }: ImportOptions,
  structures: readonly LabelledStructure[],
  subjects: readonly (SubjectRecord & { split: SplitName })[],
): DatasetMetadata {
  return {
    structure_names: structures.map(({ name }) => name),
    num_structures: structures.length,
    image_size: imageSize,
    dataset_info: {
      source: 'nifti',
      orientation: 'RAS',
      label_values: Object.fromEntries(structures.map(({ name, value }) => [name, value])),
      percentiles,
      validation_split: validationSplit,
      test_split: testSplit,
      seed,
      subjects,
    },
  }
}

function reportOf(structures: readonly LabelledStructure[], { splits, warnings }: Plan): ImportReport {
  const names = (subjects: SubjectFiles[]): string[] => subjects.map(({ name }) => name)
  return {
    structureNames: structures.map(({ name }) => name),
    splits: { train: names(splits.train), val: names(splits.val), test: names(splits.test) },
    warnings,
  }
}
