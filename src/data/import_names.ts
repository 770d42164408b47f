import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { InputError } from '../util/error.ts'
import type { LabelledStructure } from './import_subject.ts'

/** nnU-Net 2 says {"liver": 1}, nnU-Net 1 and the Medical Decathlon {"1": "liver"}. */
const datasetJson = z.looseObject({
  labels: z.union([z.record(z.string(), z.int()), z.record(z.string().regex(/^-?\d+$/), z.string().min(1))]),
})

/**
 * The structures that a dataset.json beside the folder of images names, as nnU-Net and the Medical Decathlon have it;
 * undefined where there is none. Throws InputError when there is one that names no labels.
 */
export function namedStructures(images: string): LabelledStructure[] | undefined {
  const path = join(dirname(images), 'dataset.json')
  if (!existsSync(path)) return undefined
  let content: unknown
  try {
    content = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    throw new InputError(`${path}: is not JSON`)
  }
  const parsed = datasetJson.safeParse(content)
  if (!parsed.success) throw new InputError(`${path}: labels: expected {"name": value} or {"value": "name"}`)
  const structures = Object.entries(parsed.data.labels).map(([key, value]) =>
    typeof value === 'number' ? { name: key, value } : { name: value, value: Number(key) },
  )
  const named = structures.filter(({ value }) => value !== 0).sort((a, b) => a.value - b.value)
  if (named.length === 0) throw new InputError(`${path}: labels names nothing but the background`)
  return named
}

/** Reads "csf=4,grey=5,white=6". Throws InputError naming the part that is no name with an integer other than 0. */
export function parseStructures(text: string): LabelledStructure[] {
  return text.split(',').map(part => {
    const match = part.trim().match(/^(.+)=(-?\d+)$/)
    if (!match || Number(match[2]) === 0)
      throw new InputError(`structures: '${part}', expected name=value with an integer other than 0, as in grey=5`)
    return { name: match[1]!.trim(), value: Number(match[2]) }
  })
}
