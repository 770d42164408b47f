import { createHash } from 'node:crypto'
import { cpus } from 'node:os'
import type { Device } from '../gpu/device.ts'

/** Whose measurements a table holds. */
export interface AdapterIdentity {
  /** adapter and driver with its version; of a software adapter also the processor it runs on */
  name: string
  /** the same adapter whatever its driver: which shipped table is for it, e.g. 'llvmpipe', 'nvidia-geforce-rtx-4090' */
  family: string
}

export function identityOf({ name, facts }: Pick<Device, 'name' | 'facts'>): AdapterIdentity {
  const model = facts.software ? name.split(/[\s:]/)[0]! : name.split(' (')[0]!
  const processor = facts.software ? ` on ${cpus()[0]?.model.trim() ?? 'an unknown processor'}` : ''
  return { name: name + processor, family: slug(model) }
}

/** A file name for an identity; the digest keeps apart names that read alike. */
export function fileNameOf({ name, family }: AdapterIdentity): string {
  return `${family}-${createHash('sha256').update(name).digest('hex').slice(0, 12)}.json`
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
}
