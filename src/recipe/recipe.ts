import { join } from 'node:path'
import { z } from 'zod'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { ImportOptions } from '../data/import/import_options.ts'
import type { ChannelRule } from '../data/import/intensity_rules.ts'
import { structureMarksSchema, structuresMarkedBy } from '../data/import/manifest.ts'
import type { SourceRequest } from '../data/import/sources.ts'
import { intensityRuleSchema } from '../data/scan/preparation.ts'
import { InputError } from '../util/error.ts'
import { factsOf } from '../util/files/lookup.ts'
import { parseJson } from '../util/json.ts'
import { readText } from '../util/whole_file.ts'

/** The files of a recipe. */
export const RECIPE_FILES = {
  fingerprint: 'fingerprint.json',
  import: 'import.json',
  config: 'cfg.json',
  reasons: 'README.md',
} as const

const voxels = z.tuple([z.int().positive(), z.int().positive(), z.int().positive()])
const millimetres = z.number().positive()

/** import.json: the settings of `import`, named as in a manifest and in metadata.json. */
const importSettingsSchema = z.strictObject({
  structures: structureMarksSchema.optional(),
  leave_out: z.array(z.int()).optional(),
  annotated: z.array(z.string().min(1)).optional(),
  subject_pattern: z.string().optional(),
  spacing_mm: z.tuple([millimetres, millimetres, millimetres]).optional(),
  image_size: voxels,
  patches: z.boolean(),
  patch_stride: voxels.optional(),
  intensity: z.array(z.strictObject({ channel: z.string().optional(), rule: intensityRuleSchema })),
})

export type ImportSettings = z.infer<typeof importSettingsSchema>

/** A recipe as `configure` writes it and a user may have edited it. */
export interface Recipe {
  folder: string
  /** undefined if the recipe is for a dataset that exists */
  import: ImportSettings | undefined
  /** its cfg.json, for `loadConfig`, whose words override it */
  configFile: string
  /** what cfg.json alone gives */
  config: Config
}

/** Reads a recipe's folder. Throws InputError with the file and the invalid entry. */
export function readRecipe(folder: string): Recipe {
  const configFile = join(folder, RECIPE_FILES.config)
  if (!factsOf(configFile))
    throw new InputError(
      `${folder}: holds no ${RECIPE_FILES.config}, expected a recipe; sadaan-gpu configure writes one`,
    )
  const { config } = loadConfig({ file: configFile, overrides: [] })
  const path = join(folder, RECIPE_FILES.import)
  const settings = factsOf(path) ? parseJson(readText(path), path, importSettingsSchema) : undefined
  return { folder, import: settings, configFile, config }
}

/** The import settings of a recipe. Throws InputError if it has none. */
export function importSettingsOf({ folder, import: settings }: Recipe): ImportSettings {
  if (!settings)
    throw new InputError(
      `${folder}: holds no ${RECIPE_FILES.import}: the recipe is for a dataset that exists; configure --images writes one for scans`,
    )
  return settings
}

/** How a recipe prepares scans. */
export type PreparedAs = Pick<ImportOptions, 'imageSize' | 'spacing' | 'patches' | 'patchStride' | 'intensity'>

/** The recipe's preparation as options of `importScans`; those given by hand win. An intensity rule by hand replaces the recipe's of its channel. */
export function preparedAs(settings: ImportSettings, given: Partial<PreparedAs> = {}): PreparedAs {
  const { spacing_mm, image_size, patches, patch_stride, intensity } = settings
  return {
    imageSize: image_size,
    ...(spacing_mm && { spacing: spacing_mm }),
    ...(patch_stride && { patchStride: patch_stride }),
    patches,
    ...given,
    intensity: merged(intensity as ChannelRule[], given.intensity ?? []),
  }
}

function merged(own: readonly ChannelRule[], given: readonly ChannelRule[]): ChannelRule[] {
  const isReplaced = ({ channel }: ChannelRule): boolean =>
    given.some(rule => rule.channel === undefined || rule.channel === channel)
  return [...own.filter(rule => !isReplaced(rule)), ...given]
}

/** A source read as the recipe's was; what the request itself says wins. */
export function sourceAs(settings: ImportSettings, request: SourceRequest): SourceRequest {
  const { structures, leave_out, annotated, subject_pattern } = settings
  return {
    ...(structures && { structures: structuresMarkedBy(structures) }),
    ...(leave_out && { leftOut: leave_out }),
    ...(annotated && { annotated }),
    ...(subject_pattern !== undefined && { subjectPattern: subject_pattern }),
    ...request,
  }
}
