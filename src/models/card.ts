import { z } from 'zod'
import { validated } from '../util/json.ts'

const text = z.string().min(1)
const dice = z.number().min(0).max(1)

/** What someone must know before using a shipped model. It is part of the model's file, so it travels with the weights. */
const cardSchema = z.strictObject({
  /** what it segments, in one line */
  title: text,
  /** the scans and annotations it was trained on, and whose they are */
  data: text,
  /** under which the data, and so the weights, may be used */
  licence: text,
  /** how it was trained */
  training: text,
  intended_use: text,
  limits: z.array(text).min(1),
  validation: z.strictObject({
    /** which predictions the Dice is of */
    method: text,
    subjects: z.int().positive(),
    /** mean over subjects, by structure */
    dice: z.record(z.string(), dice),
    /** over structures */
    mean_dice: dice,
  }),
})

export type ModelCard = z.infer<typeof cardSchema>

/** Throws InputError with `source` and the invalid entry. */
export function parseCard(value: unknown, source: string): ModelCard {
  return validated(value, cardSchema, source, 'card')
}

/** What is written by hand; the validation comes from a report. */
const cardTextSchema = cardSchema.omit({ validation: true })

export type CardText = z.infer<typeof cardTextSchema>

/** Throws InputError with `source` and the invalid entry. */
export function parseCardText(value: unknown, source: string): CardText {
  return validated(value, cardTextSchema, source)
}
