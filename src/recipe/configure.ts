import { basename, join, resolve } from 'node:path'
import type { SourceRequest } from '../data/import/sources.ts'
import { Device } from '../gpu/device.ts'
import { Closer } from '../util/closer.ts'
import { InputError } from '../util/error.ts'
import { ResultFolder } from '../util/files/result_folder.ts'
import { withOutputFolder } from '../util/output_folder.ts'
import { jsonBytes } from '../util/whole_file.ts'
import { datasetMaterial } from './dataset_material.ts'
import { treeOf } from './decisions.ts'
import type { Fingerprint } from './fingerprint_schema.ts'
import { intensityRulesFor } from './intensity_plan.ts'
import type { Material } from './material.ts'
import { type Plan, planRun } from './plan.ts'
import { reasonsText } from './reasons.ts'
import { type ImportSettings, RECIPE_FILES } from './recipe.ts'
import { scanMaterial } from './scan_material.ts'

export interface ConfigureRequest {
  /** scans to import, or a dataset */
  from:
    | { kind: 'scans'; sources: readonly SourceRequest[]; structureNames?: readonly string[]; manifest?: string }
    | { kind: 'dataset'; path: string }
  outputDir: string
  /** that the run may take; a default by the kind of adapter */
  hours?: number
  /** leave out scans that cannot be read, instead of stopping at the first */
  skipBad: boolean
  /** replace files of an earlier recipe that somebody has changed */
  overwrite: boolean
  /** part of an adapter's name, or its index */
  adapter?: string
}

export interface ConfigureProgress {
  /** a step of many items */
  counted(step: string, done: number, all: number): void
  say(line: string): void
}

export interface Configured {
  recipe: string
  fingerprint: Fingerprint
  plan: Plan
  import: ImportSettings | undefined
  /** to type next */
  commands: string[]
  warnings: string[]
}

/**
 * Measures data and adapter, plans a run and writes the recipe: fingerprint.json, import.json (for scans), cfg.json and README.md with the
 * reasons. Throws InputError with one line; an earlier recipe in the folder is then as it was.
 */
export function configure(request: ConfigureRequest, progress: ConfigureProgress): Promise<Configured> {
  const { outputDir, overwrite, hours, adapter } = request
  if (hours !== undefined && !(hours > 0 && hours <= MOST_HOURS))
    throw new InputError(`configure: ${hours} hours, expected more than 0 and at most ${MOST_HOURS}`)
  const results = new ResultFolder(outputDir, { overwrite })
  results.claim(Object.values(RECIPE_FILES))
  return Closer.using(async closer => {
    const material = await materialOf(request, progress)
    const device = closer.add(await Device.open(adapter), each => each.close())
    const say = (line: string): void => progress.say(line)
    const plan = await planRun(device, material, { hours, say })
    return withOutputFolder(outputDir, async () => write(request, results, material, plan))
  })
}

/** A month. */
const MOST_HOURS = 744

function materialOf({ from, skipBad }: ConfigureRequest, progress: ConfigureProgress): Promise<Material> {
  if (from.kind === 'dataset')
    return datasetMaterial(from.path, (done, all) => progress.counted('samples measured', done, all))
  const { sources, structureNames } = from
  return scanMaterial({ sources, skipBad, ...(structureNames && { structureNames }) }, progress.counted)
}

function write(request: ConfigureRequest, results: ResultFolder, material: Material, plan: Plan): Configured {
  const { from, outputDir } = request
  const { fingerprint, warnings } = material
  const settings = from.kind === 'scans' ? importSettings(from.sources, from.manifest, fingerprint, plan) : undefined
  const commands = commandsFor(request)
  const text = reasonsText({ fingerprint, plan, settings, commands })
  results.write(RECIPE_FILES.fingerprint, [jsonBytes(fingerprint)])
  if (settings) results.write(RECIPE_FILES.import, [jsonBytes(settings)])
  else results.remove(name => name === RECIPE_FILES.import)
  results.write(RECIPE_FILES.config, [jsonBytes(treeOf(plan.decisions))])
  results.write(RECIPE_FILES.reasons, [Buffer.from(text)])
  return { recipe: outputDir, fingerprint, plan, import: settings, commands, warnings: [...warnings] }
}

/** How the sources were read and how their scans will be prepared. A manifest says itself how to read its sources. */
function importSettings(
  sources: readonly SourceRequest[],
  manifest: string | undefined,
  fingerprint: Fingerprint,
  { candidate: { form } }: Plan,
): ImportSettings {
  const { structures, leftOut, annotated, subjectPattern } = manifest === undefined ? sources[0]! : {}
  const marks = structures && Object.fromEntries(structures.map(({ name, marks }) => [name, [...marks]]))
  return {
    ...(marks && { structures: marks }),
    ...(leftOut && { leave_out: [...leftOut] }),
    ...(annotated && { annotated: [...annotated] }),
    ...(subjectPattern !== undefined && { subject_pattern: subjectPattern }),
    ...(form.frame?.kind === 'spacing' && { spacing_mm: form.frame.spacing_mm }),
    image_size: form.size,
    patches: form.patchStride !== undefined,
    ...(form.patchStride && { patch_stride: form.patchStride }),
    intensity: intensityRulesFor(fingerprint).map(({ channel, rule }) => ({
      ...(channel !== undefined && { channel }),
      rule,
    })),
  }
}

function commandsFor({ from, outputDir }: ConfigureRequest): string[] {
  const config = join(outputDir, RECIPE_FILES.config)
  const training = (path: string): string =>
    `sadaan-gpu train --config ${word(config)} with ${word(`dataset_path=${path}`)}`
  if (from.kind === 'dataset') return [training(from.path)]
  const [first] = from.sources
  const words =
    from.manifest === undefined
      ? ['--images', first!.images, ...(first!.labels === undefined ? [] : ['--labels', first!.labels])]
      : ['--manifest', from.manifest]
  const origin = resolve(from.manifest ?? first!.images)
  const path = join('data', basename(origin).replace(/\.(json|nii|nii\.gz)$/i, ''))
  const imported = ['sadaan-gpu import', ...words.map(word), '--recipe', word(outputDir), '--output-dir', word(path)]
  return [imported.join(' '), training(path)]
}

/** A word as a shell takes it. */
function word(text: string): string {
  return /^[\w./=:@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
