import type { Call } from './kernel.ts'
import { isTensor } from './tensor.ts'

/**
 * Everything that determines the speed of a call's variants, as one line: the kernel's name, then its arguments sorted by name.
 * A tensor is given by type and shape, not by name, so equal layers share a signature.
 * E.g. `conv3d.forward accumulate=false direction=forward sources=[f32(2,16,64,64,32) f32(2,1,64,64,32)] stride=1 …`
 */
export function signatureOf({ kernel, args }: Call): string {
  return `${kernel.name} ${fieldsOf(args as object)}`
}

/** Skips undefined fields: they count as absent. */
function fieldsOf(value: object): string {
  return Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${name}=${textOf(field)}`)
    .join(' ')
}

function textOf(value: unknown): string {
  if (isTensor(value)) return `${value.dtype}(${value.shape.join()})`
  if (Array.isArray(value)) return `[${value.map(textOf).join(' ')}]`
  return typeof value === 'object' && value !== null ? `{${fieldsOf(value)}}` : String(value)
}
