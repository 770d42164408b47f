import { createHash } from 'node:crypto'
import { cpus } from 'node:os'
import type { Device } from '../gpu/device.ts'

/** The adapter that a table of measurements belongs to. */
export interface AdapterIdentity {
  /** adapter, driver and driver version; for a software adapter also the CPU */
  name: string
  /** the adapter without its driver, which selects the shipped table: 'llvmpipe', 'nvidia-geforce-rtx-4090' */
  family: string
}

export function identityOf({ name, facts }: Pick<Device, 'name' | 'facts'>): AdapterIdentity {
  const model = facts.software ? name.split(/[\s:]/)[0]! : name.split(' (')[0]!
  const processor = facts.software ? ` on ${cpus()[0]?.model.trim() ?? 'an unknown processor'}` : ''
  return { name: name + processor, family: slug(model) }
}

/** A file name for an identity. The digest distinguishes similar names. */
export function fileNameOf({ name, family }: AdapterIdentity): string {
  return `${family}-${createHash('sha256').update(name).digest('hex').slice(0, 12)}.json`
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
}
