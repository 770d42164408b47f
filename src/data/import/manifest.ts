import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { parseJson } from '../../util/json.ts'
import { readText } from '../../util/whole_file.ts'
import { SPLIT_NAMES } from '../dataset/split.ts'
import type { SourceRequest } from './sources.ts'
import type { LabelledStructure } from './structures.ts'

const names = z.array(z.string().min(1)).min(1)
const mark = z.union([z.int().refine(value => value !== 0, 'expected a label other than 0'), z.string().min(1)])

/** As in nnU-Net's dataset.json: a label value (or file name), or a list of them. */
export const structureMarksSchema = z.record(z.string().min(1), z.union([mark, z.array(mark).min(1)]))

const source = z.strictObject({
  name: z.string().min(1).optional(),
  images: z.string().min(1),
  labels: z.string().min(1).optional(),
  structures: structureMarksSchema.optional(),
  /** as --leave-out: label values that no structure needs */
  leave_out: z.array(z.int()).optional(),
  annotated: names.optional(),
  not_annotated: z.record(z.string(), names).optional(),
  subject_pattern: z.string().optional(),
  split: z.enum(SPLIT_NAMES).optional(),
})

const manifest = z.strictObject({ structures: names.optional(), sources: z.array(source).min(1) })

/**
 * Reads a file that lists the sources of a dataset and optionally its structures, in order. Paths are relative to the file's folder.
 * Throws InputError with the invalid entry.
 */
export function readManifest(path: string): { sources: SourceRequest[]; structureNames?: string[] } {
  const { structures, sources } = parseJson(readText(path), path, manifest)
  const requests = sources.map(entry => requestOf(entry, dirname(path)))
  return { sources: requests, ...(structures === undefined ? {} : { structureNames: structures }) }
}

function requestOf(entry: z.infer<typeof source>, folder: string): SourceRequest {
  const { name, images, labels, structures, leave_out, annotated, not_annotated, subject_pattern, split } = entry
  return {
    images: resolve(folder, images),
    ...(name === undefined ? {} : { name }),
    ...(labels === undefined ? {} : { labels: resolve(folder, labels) }),
    ...(structures === undefined ? {} : { structures: structuresMarkedBy(structures) }),
    ...(leave_out === undefined ? {} : { leftOut: leave_out }),
    ...(annotated === undefined ? {} : { annotated }),
    ...(not_annotated === undefined ? {} : { notAnnotated: not_annotated }),
    ...(subject_pattern === undefined ? {} : { subjectPattern: subject_pattern }),
    ...(split === undefined ? {} : { split }),
  }
}

/** Structures and their marks in the importer's form. */
export function structuresMarkedBy(marks: z.infer<typeof structureMarksSchema>): LabelledStructure[] {
  return Object.entries(marks).map(([name, marks]) => ({ name, marks: [marks].flat() }))
}
