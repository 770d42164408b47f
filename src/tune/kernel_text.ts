import { createHash } from 'node:crypto'
import type { AdapterFacts, Call, Dispatch, Variant } from '../graph/kernel.ts'
import { type DType, type Tensor, tensor } from '../graph/tensor.ts'
import { fittingVariants } from '../plan/lower.ts'
import { linkShader } from '../wgsl/link.ts'

/** Linked text of a shader, in all forms that differ in more than a number type. Tests supply other texts. */
export type ShaderText = (shader: string) => string

const texts = new Map<string, string>()

function linkedOnce(shader: string): string {
  const text = texts.get(shader) ?? linkShader(shader) + linkShader(shader, { normalised: true })
  texts.set(shader, text)
  return text
}

/** Without comments and layout: rewording one must not discard measurements, which would change the variants of a run and thus its bits. */
function codeOf(text: string): string {
  return text.replace(/\/\/.*/g, '').replace(/\s+/g, ' ')
}

/** The variants to choose from for a call: those that fit and keep the precision. */
export function candidatesOf(call: Call, facts: AdapterFacts): Variant<unknown>[] {
  return fittingVariants(call, facts).filter(({ roundsInputs }) => !roundsInputs || facts.precision === 'f16')
}

/**
 * A digest of everything that the candidate variants of a call run: their names, entry points, constants and linked shader code.
 * A measurement is valid as long as the digest stays the same.
 */
export function kernelDigest(call: Call, facts: AdapterFacts, textOf: ShaderText = linkedOnce): string {
  const hash = createHash('sha256')
  const shaders = new Set<string>()
  for (const variant of candidatesOf(call, facts)) {
    const dispatches = dispatchesOf(variant, call, facts)
    for (const { shader } of dispatches) shaders.add(shader)
    const entries = dispatches.map(({ shader, entry, constants }) => JSON.stringify([shader, entry, constants]))
    hash.update(JSON.stringify([variant.name, ...new Set(entries)]))
  }
  for (const shader of [...shaders].sort()) hash.update(codeOf(textOf(shader)))
  return hash.digest('hex').slice(0, 16)
}

/** The dispatches of a variant; none if lowering fails. */
export function dispatchesOf(
  variant: Variant<unknown>,
  { args, label }: Call,
  facts: AdapterFacts,
): readonly Dispatch[] {
  try {
    const scratch = (name: string, shape: readonly number[], dtype?: DType): Tensor =>
      tensor(`${label} ${name}`, shape, 'temporary', dtype)
    return variant.lower(args, { facts, scratch, source: activation => ({ tensor: activation }) })
  } catch {
    return []
  }
}
