import { z } from 'zod'
import { validated } from '../../util/json.ts'

const millimetres = z.number().positive()
const finite = z.number()
const isRange = ({ low, high }: { low: number; high: number }): boolean => low < high
const RANGE = 'expected low below high'

/** The values that become 0 and 255: given values, a volume's mean ± `deviations` standard deviations, or its percentiles. */
export const intensityRuleSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('window'), low: finite, high: finite }).refine(isRange, RANGE),
  z.strictObject({ kind: z.literal('zscore'), deviations: z.number().positive() }),
  z
    .strictObject({ kind: z.literal('percentile'), low: z.number().min(0), high: z.number().max(100) })
    .refine(isRange, RANGE),
])

/** The grid of the model's frame: the whole field of view, or a constant voxel spacing around the volume's centre. */
const frameRule = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('field_of_view') }),
  z.strictObject({ kind: z.literal('spacing'), spacing_mm: z.tuple([millimetres, millimetres, millimetres]) }),
])

/**
 * How scans were brought into a dataset's frame. `import` writes it to metadata.json under `preparation`, training copies it to checkpoints
 * under `sadaan_gpu.preparation`, and `predict` applies it to a scan.
 */
const preparationSchema = z.strictObject({
  orientation: z.literal('RAS'),
  frame: frameRule,
  /** voxels along right, anterior, superior */
  image_size: z.tuple([z.int().positive(), z.int().positive(), z.int().positive()]),
  /** one rule per channel */
  intensity: z.array(intensityRuleSchema).min(1),
})

export type IntensityRule = z.infer<typeof intensityRuleSchema>
export type FrameRule = z.infer<typeof frameRule>
export type Preparation = z.infer<typeof preparationSchema>

/** Throws InputError with `source` and the invalid entry. */
export function parsePreparation(value: unknown, source: string): Preparation {
  return validated(value, preparationSchema, source, 'preparation')
}
