import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDataset } from '../data/dataset/dataset.ts'
import { writeDatasetFiles } from '../data/dataset/dataset_writer.ts'
import type { StoredSample } from '../data/dataset/split_writer.ts'
import { IMPORT_DEFAULTS } from '../data/import/import_options.ts'
import type { Modality } from '../data/import/modality.ts'
import { openSource, type SourceRequest } from '../data/import/sources.ts'
import { splitSubjects } from '../data/import/split.ts'
import { type ImportedForm, importScan } from '../data/import/subject.ts'
import { surveySources } from '../data/import/survey.ts'
import type { SurveyedScan } from '../data/import/surveyed_scan.ts'
import { sizeToCut } from '../data/scan/frame.ts'
import { patchStarts } from '../data/scan/patches.ts'
import { InputError } from '../util/error.ts'
import { fingerprintOf } from './fingerprint.ts'
import type { IntensitySample } from './intensities.ts'
import { intensityRulesFor } from './intensity_plan.ts'
import { evenly, type Material, type SampleCounts, type SampleForm } from './material.ts'
import { type MeasuredScan, measureImages, measureLabels } from './measured_scan.ts'

export interface ScanSources {
  sources: readonly SourceRequest[]
  structureNames?: readonly string[]
  skipBad: boolean
}

export type MaterialProgress = (step: 'labels read' | 'labels measured', done: number, all: number) => void

/** Scans with labels to plan an import and a run for. Throws InputError as `importScans` does, and if no scan has a structure. */
export async function scanMaterial(
  { sources: requests, structureNames: order, skipBad }: ScanSources,
  progress?: MaterialProgress,
): Promise<Material> {
  const skipped: string[] = []
  const refuse = (error: InputError): void => {
    if (!skipBad) throw error
    skipped.push(error.message)
  }
  const sources = requests.map(request => openSource(request, refuse))
  const all = sources.reduce((sum, { scans }) => sum + scans.length, 0)
  let read = 0
  const onLabel = (): void => progress?.('labels read', ++read, all)
  const survey = surveySources(sources, { order, hasPatches: false, refuse, onLabel })
  const { structureNames, scans: surveyed, channels } = survey
  if (surveyed.length === 0) throw new InputError('configure: no scan is left with an annotated structure')
  if (!surveyed.some(({ presence }) => presence.includes(1)))
    throw new InputError('configure: no structure is present in any scan, so there is nothing to learn')
  const { scans, samples, modalities, imagesRead } = await measure(surveyed, channels, refuse, progress)
  const names = surveyed.map(({ source }) => source.channelNames).find(found => found !== undefined)
  const measured = samples.map((ofChannel, c) => ({
    name: names?.[c] ?? null,
    ...{ samples: ofChannel, modalities: modalities[c]! },
  }))
  const fingerprint = fingerprintOf({
    source: 'scans',
    unit: 'mm',
    structureNames,
    scans,
    imagesRead,
    channels: measured,
  })
  const { splits, warnings } = splitSubjects(surveyed, IMPORT_DEFAULTS)
  const written = (form: SampleForm): ImportedForm => ({
    preparation: {
      orientation: 'RAS',
      frame: form.frame!,
      image_size: form.size,
      intensity: intensityRulesFor(fingerprint).map(({ rule }) => rule),
    },
    structureNames,
    channelNames: names,
    ...(form.patchStride && { patchStride: form.patchStride }),
  })
  return {
    ...{ fingerprint, structureNames, channels },
    stored: undefined,
    hasValidStructures: splits.val.some(({ presence }) => presence.includes(1)),
    warnings: [...skipped.map(line => `skipped ${line}`), ...survey.warnings, ...warnings],
    count: (form): SampleCounts => ({
      training: samplesOf(splits.train, form),
      validation: samplesOf(splits.val, form),
    }),
    withDataset: async (form, count, use) => {
      const directory = mkdtempSync(join(tmpdir(), 'sadaan-configure-'))
      try {
        await writeSome(directory, splits.train, written(form), count)
        return await use(await openDataset(directory))
      } finally {
        rmSync(directory, { recursive: true, force: true })
      }
    },
  }
}

interface MeasuredScans {
  scans: MeasuredScan[]
  /** by channel */
  samples: IntensitySample[][]
  modalities: (Modality | undefined)[][]
  imagesRead: number
}

async function measure(
  surveyed: readonly SurveyedScan[],
  channels: number,
  refuse: (error: InputError) => void,
  progress?: MaterialProgress,
): Promise<MeasuredScans> {
  const byChannel = <T>(): T[][] => Array.from({ length: channels }, () => [])
  const [samples, modalities] = [byChannel<IntensitySample>(), byChannel<Modality | undefined>()]
  const withImages = new Set(evenly(surveyed))
  const scans: MeasuredScan[] = []
  let imagesRead = 0
  for (const [i, each] of surveyed.entries()) {
    const { scan, labelled } = measureLabels(each)
    scans.push(scan)
    if (withImages.has(each)) {
      try {
        const found = measureImages(each, labelled)
        for (let c = 0; c < channels; c++) {
          samples[c]!.push(found.samples[c]!)
          modalities[c]!.push(found.modalities[c]!)
        }
        imagesRead++
      } catch (error) {
        if (!(error instanceof InputError)) throw error
        refuse(error)
      }
    }
    progress?.('labels measured', i + 1, surveyed.length)
    await new Promise(resolve => setImmediate(resolve)) // lets signals through
  }
  return { scans, samples, modalities, imagesRead }
}

/** Without those that an import leaves out because they are empty or not annotated, which only reading the images would tell. */
function samplesOf(scans: readonly SurveyedScan[], { size, frame, patchStride }: SampleForm): number {
  if (!patchStride) return scans.length
  return scans.reduce((sum, { grid }) => sum + patchStarts(sizeToCut(grid, frame!, size), size, patchStride).length, 0)
}

/** A dataset of the first scans, until it has `count` samples, which also serve as its validation. */
async function writeSome(
  directory: string,
  scans: readonly SurveyedScan[],
  form: ImportedForm,
  count: number,
): Promise<void> {
  const { preparation, structureNames, patchStride } = form
  const channels = preparation.intensity.length
  const { image_size: imageSize } = preparation
  const shape = {
    ...(channels === 1 ? {} : { channels }),
    imageSize,
    structures: structureNames.length,
    hasSource: true,
  }
  function* some(): Generator<StoredSample> {
    let taken = 0
    for (const scan of scans)
      for (const sample of importScan(scan, form, () => undefined)) {
        yield sample
        if (++taken === count) return
      }
  }
  await writeDatasetFiles(directory, shape, { train: some(), val: some() }, () => ({
    structure_names: structureNames,
    image_size: imageSize,
    preparation,
    patches: patchStride !== undefined,
  }))
}
