import { InputError } from '../../util/error.ts'
import { makeFolder } from '../../util/files/folder.ts'
import { listed } from '../../util/listing.ts'
import { AXIS_DIVISOR, type ImageSize } from '../../util/shape.ts'
import { type DatasetMetadata, writeDatasetFiles } from '../dataset/dataset_writer.ts'
import { type DatasetRecord, refuseOther } from '../dataset/existing.ts'
import { SPLIT_NAMES, type SplitName } from '../dataset/split.ts'
import type { StoredSample } from '../dataset/split_writer.ts'
import { sizeAtSpacing } from '../scan/frame.ts'
import type { Preparation } from '../scan/preparation.ts'
import { checkOptions, type ImportOptions } from './import_options.ts'
import { rulesFor } from './intensity_rules.ts'
import { channelsByModality } from './modality.ts'
import { type ImportReport, ImportTally } from './report.ts'
import { chosenIn, importDifference } from './same_import.ts'
import { SeenImages } from './seen_images.ts'
import { openSource } from './sources.ts'
import { NO_VALIDATION, type SplitPlan, splitSubjects } from './split.ts'
import { type ImportedForm, importScan } from './subject.ts'
import { type Survey, surveySources } from './survey.ts'
import type { SurveyedScan } from './surveyed_scan.ts'

/** Called after each label is surveyed and each scan is written. */
export type ImportProgress = (step: 'labels read' | 'scans written', done: number, all: number) => void

/**
 * Converts scans with labels to a dataset: reoriented to right, anterior, superior; resampled to one frame; intensities scaled to 0..255; one
 * mask per structure (masks may overlap); presence from the masks, −1 for structures that a source did not annotate. Subjects are divided into
 * splits. Reads all labels first, so that most errors are reported before anything is written, then writes scan by scan, with one in memory at
 * a time. metadata.json records under `preparation` how `predict` must prepare a scan, and how each scan was prepared.
 * Throws InputError with file and reason; an earlier dataset in the directory
 * is then as it was.
 */
export async function importScans(options: ImportOptions, progress?: ImportProgress): Promise<ImportReport> {
  const surveyed = surveyImport(options, progress)
  return writeImport(options, surveyed, splitSubjects(surveyed.survey.scans, options), progress)
}

/** The scans of an import, after the first of its two steps. */
export interface SurveyedImport {
  survey: Survey
  /** why scans were skipped */
  skipped: Set<string>
  refuse: (error: InputError) => void
}

/** The first step of an import: reads all labels and writes nothing. */
export function surveyImport(options: ImportOptions, progress?: ImportProgress): SurveyedImport {
  checkOptions(options)
  const { outputDir, overwrite } = options
  const difference = (recorded: DatasetRecord): string | undefined => importDifference(options, recorded)
  refuseOther(outputDir, { command: 'import', overwrite, difference })
  const skipped = new Set<string>()
  const refuse = (error: InputError): void => {
    if (!options.skipBad) throw error
    skipped.add(error.message)
  }
  const sources = options.sources.map(request => openSource(request, refuse))
  const all = sources.reduce((sum, { scans }) => sum + scans.length, 0)
  let read = 0
  const survey = surveySources(sources, {
    order: options.structureNames,
    hasPatches: options.patches,
    refuse,
    onLabel: () => progress?.('labels read', ++read, all),
  })
  return { survey, skipped, refuse }
}

export interface ImportPlan extends SplitPlan {
  /** what must not share an image with another, besides splits: "fold 2" */
  groupOf?: (scan: SurveyedScan) => string
}

/** The second step: writes the dataset. A plan without validation scans writes no val.h5; then the dataset is only good for views of it. */
export async function writeImport(
  options: ImportOptions,
  { survey, skipped, refuse }: SurveyedImport,
  { splits, warnings, groupOf }: ImportPlan,
  progress?: ImportProgress,
): Promise<ImportReport> {
  const form = formOf(options, survey, splits.train)
  const tally = new ImportTally(survey.structureNames, splits.val === splits.train)
  const rest = { ...(groupOf && { groupOf }), ...(progress && { progress }) }
  await write(options, form, splits, { survey, tally, warnings, refuse, ...rest })
  const { preparation, channelNames, patchStride } = form
  return tally.report({
    dataset: options.outputDir,
    preparation,
    channelNames,
    patches: patchStride !== undefined,
    skipped: [...skipped],
    warnings: [...survey.warnings, ...warnings],
  })
}

function formOf(
  { imageSize, spacing, patches, patchStride, intensity }: ImportOptions,
  { structureNames, scans, channels }: Survey,
  training: readonly SurveyedScan[],
): ImportedForm {
  const [first] = scans
  if (!first) throw new InputError('no scan is left with an annotated structure')
  const channelNames = channelNamesOf(scans) ?? channelsByModality(scans, channels)
  if (channelNames && channelNames.length !== channels)
    throw new InputError(
      `${listed(first.images)}: ${channels} channels, its dataset.json names ${channelNames.length} (${listed(channelNames)})`,
    )
  const preparation: Preparation = {
    orientation: 'RAS',
    frame: spacing ? { kind: 'spacing', spacing_mm: [...spacing] } : { kind: 'field_of_view' },
    image_size: imageSize ?? sizeForAll(scans, spacing!),
    intensity: rulesFor(channels, intensity, channelNames, training),
  }
  const half = preparation.image_size.map(axis => axis / 2) as ImageSize
  return { preparation, structureNames, channelNames, ...(patches && { patchStride: patchStride ?? half }) }
}

/** The channel names that the sources agree on; undefined if none names them. */
function channelNamesOf(scans: readonly SurveyedScan[]): readonly string[] | undefined {
  const naming = [...new Set(scans.map(({ source }) => source))].filter(({ channelNames }) => channelNames)
  const other = naming.find(({ channelNames }) => channelNames!.join('\0') !== naming[0]!.channelNames!.join('\0'))
  if (other)
    throw new InputError(
      `${other.where}: its dataset.json names the channels ${listed(other.channelNames!)}, that of ${naming[0]!.where} ${listed(naming[0]!.channelNames!)}; expected the same channels in the same order`,
    )
  return naming[0]?.channelNames
}

/** The smallest size that the network takes and that holds every scan. */
function sizeForAll(scans: readonly SurveyedScan[], spacing: readonly [number, number, number]): ImageSize {
  const sizes = scans.map(({ grid }) => sizeAtSpacing(grid, spacing))
  return [0, 1, 2].map(
    axis => Math.ceil(Math.max(...sizes.map(size => size[axis]!)) / AXIS_DIVISOR) * AXIS_DIVISOR,
  ) as ImageSize
}

interface Writing {
  survey: Survey
  tally: ImportTally
  warnings: string[]
  refuse: (error: InputError) => void
  groupOf?: (scan: SurveyedScan) => string
  progress?: ImportProgress
}

async function write(
  options: ImportOptions,
  form: ImportedForm,
  splits: Record<SplitName, SurveyedScan[]>,
  { survey, tally, warnings, refuse, groupOf, progress }: Writing,
): Promise<void> {
  const filled = SPLIT_NAMES.filter(name => splits[name].length > 0)
  let all = filled.reduce((sum, name) => sum + splits[name].length, 0)
  let done = 0
  const seen = new SeenImages()
  async function* samplesOf(split: SplitName, scans = splits[split]): AsyncGenerator<StoredSample> {
    for (const scan of scans) {
      const group = groupOf?.(scan) ?? `split ${scans === splits.train ? 'train' : split}`
      try {
        const samples = importScan(scan, form, image => seen.add(group, scan, image))
        for (const sample of recorded(samples, scan => tally.addScan(split, scan))) {
          tally.addSample(split, sample.presence)
          yield sample
        }
      } catch (error) {
        if (!(error instanceof InputError)) throw error
        refuse(error)
      }
      progress?.('scans written', ++done, all)
      await new Promise(resolve => setImmediate(resolve)) // lets signals and timers through
    }
    if (tally.samplesIn(split) > 0) return
    if (split === 'test') warnings.push('no scan is left for testing: no test split')
    else if (split === 'val' && scans !== splits.train) {
      warnings.push(NO_VALIDATION)
      tally.isShared = true
      all += splits.train.length
      yield* samplesOf(split, splits.train)
    } else throw new InputError('no scan is left for training')
  }
  makeFolder(options.outputDir, 'a folder for the dataset')
  const channels = form.preparation.intensity.length
  const shape = {
    ...(channels === 1 ? {} : { channels }),
    imageSize: form.preparation.image_size,
    structures: form.structureNames.length,
    hasSource: true,
  }
  const samples = Object.fromEntries(filled.map(name => [name, samplesOf(name)]))
  await writeDatasetFiles(options.outputDir, shape, samples, () => metadataOf(options, form, survey, tally))
  warnings.push(...seen.warnings)
}

/** Yields a generator's values and passes its return value to `onEnd`. */
function* recorded<T, R>(values: Generator<T, R>, onEnd: (result: R) => void): Generator<T> {
  onEnd(yield* values)
}

function metadataOf(
  options: ImportOptions,
  { preparation, patchStride, structureNames, channelNames }: ImportedForm,
  { marks }: Survey,
  { records, trainingScans }: ImportTally,
): DatasetMetadata {
  const { seed, validationSplit, testSplit, sources, intensity } = options
  return {
    structure_names: structureNames,
    num_structures: structureNames.length,
    image_size: preparation.image_size,
    ...(channelNames && { channel_names: channelNames }),
    preparation,
    training_scans: trainingScans,
    patches: patchStride !== undefined,
    dataset_info: {
      source: 'import',
      ...(patchStride && { patch_stride: patchStride }),
      validation_split: validationSplit,
      test_split: testSplit,
      seed,
      ...(intensity.length > 0 && { intensity }),
      chosen: chosenIn(options),
      sources: sources.map((source, i) => ({ ...source, structures: marks[i] })),
      subjects: records,
    },
  }
}
