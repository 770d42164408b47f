import { z } from 'zod'
import type { Json } from '../config/json.ts'
import { configSchema } from '../config/schema.ts'
import type { RecordedChoice } from '../tune/choice.ts'
import { InputError } from '../util/error.ts'

/** Unlike z.number(), takes infinite values and NaN: a loss may have been either. */
const real = z.custom<number>(value => typeof value === 'number', 'expected a number')
const count = z.int().nonnegative()
const mean = z.tuple([real, real]) // sum and count

const tallySchema = z.object({
  terms: z.array(mean),
  accuracy: mean,
  soft: mean,
  accuracyOf: z.array(mean),
  softOf: z.array(mean),
  hardOf: z.array(mean),
})

const positionSchema = z.object({
  /** the current epoch or the next one, from 0 */
  epoch: count,
  /** training batches done in this epoch; once all are done, validation is next */
  batch: count,
  /** the metrics of these batches, if there are any */
  tally: tallySchema.exactOptional(),
})

const scheduleSchema = z.discriminatedUnion('scheduler', [
  z.object({ scheduler: z.literal('none') }),
  z.object({ scheduler: z.literal('cosine_over_run') }),
  z.object({ scheduler: z.literal('cosine_annealing'), position: real }),
  z.object({
    scheduler: z.literal('reduce_on_plateau'),
    rate: real,
    best: real,
    badValidations: count,
    validations: count,
  }),
])

const fingerprintSchema = z.object({
  structures: z.array(z.string()),
  image_size: z.array(z.number()),
  channels: count,
  train: z.string(),
  val: z.string(),
  train_contents: z.string().exactOptional(),
  val_contents: z.string().exactOptional(),
})

/** The key `sadaan_gpu` of a checkpoint: what resuming bit for bit needs besides weights and optimiser. */
const progressSchema = z.object({
  config: configSchema,
  /** missing in checkpoints of versions that saved only after an epoch */
  position: positionSchema.exactOptional(),
  /** if missing, the scheduler's state_dict has it */
  schedule: scheduleSchema.exactOptional(),
  best: z.object({ value: real.nullable(), epoch: count.nullable(), validationsSince: count }),
  /** training batches since the start */
  batches: count,
  /** that shared training.batch_size; missing if it was one */
  ranks: z.int().positive().exactOptional(),
  /** updates skipped because the gradient was not finite: in total, and in a row at the end */
  skipped: count,
  skippedInARow: count.exactOptional(),
  /** only with f16 activations */
  lossScale: z.object({ exponent: count, updates: count }).exactOptional(),
  /** id of the run that wrote it; null if unobserved */
  run: count.nullable(),
  /** the kernels' variants, which fix the order of sums; missing in older checkpoints. FixedChoice.fromRecord checks them. */
  variants: z.custom<RecordedChoice>().exactOptional(),
  /** the dataset; missing in older checkpoints */
  data: fingerprintSchema.exactOptional(),
})

export type Progress = z.infer<typeof progressSchema>

/** Where a training stands, always right after an update. */
export type Position = z.infer<typeof positionSchema>

const summarySchema = progressSchema.pick({ position: true, run: true, data: true }).partial()

/** Reads the progress of a checkpoint. Throws InputError naming file, key and what was expected. */
export function readProgress(record: unknown, path: string): Progress {
  return parsed(progressSchema, record, path)
}

/** The part that `inspect` shows, of a checkpoint of any version. Throws InputError as `readProgress` does. */
export function readProgressSummary(record: unknown, path: string): z.infer<typeof summarySchema> {
  return parsed(summarySchema, record, path)
}

function parsed<T>(schema: z.ZodType<T>, record: unknown, path: string): T {
  const result = schema.safeParse(record)
  if (result.success) return result.data
  const { path: key, message } = result.error.issues[0]!
  const [, reason] = /^(?:Invalid [a-z ]+[:.] )?(.*)$/s.exec(message)!
  throw new InputError(`${path}: ${['sadaan_gpu', ...key].join('.')} cannot be read: ${lowerFirst(reason!)}`)
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/** Progress as a checkpoint stores it. */
export function toRecord(progress: Progress): Record<string, Json> {
  return { ...progress } as unknown as Record<string, Json>
}

export function isLater(a: Position, b: Position): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.batch > b.batch)
}

/** `epoch 3 batch 17` or `after epoch 3`, counted from 1. */
export function placeText({ epoch, batch }: Position): string {
  return batch > 0 ? `epoch ${epoch + 1} batch ${batch}` : `after epoch ${epoch}`
}
