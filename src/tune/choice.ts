import { createHash } from 'node:crypto'
import type { AdapterFacts, Call } from '../graph/kernel.ts'
import { signatureOf } from '../graph/signature.ts'
import { type Choice, chooseVariant } from '../plan/lower.ts'
import { InputError } from '../util/error.ts'
import { candidatesOf, kernelDigest } from './kernel_text.ts'
import type { TunedTable } from './table.ts'

/** Whether a call has more than one candidate variant. */
export function isOpen(call: Call, facts: AdapterFacts): boolean {
  return call.kernel.variants.length > 1 && candidatesOf(call, facts).length > 1
}

/** Looks a call up in `tables`; the first match wins. Calls in none of them are left to the variants' own rules. */
export function choiceFrom(tables: readonly TunedTable[], facts: AdapterFacts): Choice {
  return call => {
    if (call.kernel.variants.length === 1) return undefined
    const signature = signatureOf(call)
    let digest: string | undefined
    const lazily = (): string => {
      digest ??= kernelDigest(call, facts)
      return digest
    }
    for (const table of tables) {
      const found = table.find(signature, lazily)
      if (found) return found.variant
    }
    return undefined
  }
}

/** The variants of a run, as stored in its checkpoints. */
export interface RecordedChoice {
  /** name of the adapter's identity */
  adapter: string
  /** signature → variant, for every call with more than one candidate */
  variants: Record<string, string>
}

/** The variants of a run. They determine the order of sums, so they are fixed before the first step and kept on resume. */
export class FixedChoice {
  readonly adapter: string
  private readonly variants: ReadonlyMap<string, string>

  private constructor(adapter: string, variants: ReadonlyMap<string, string>) {
    this.adapter = adapter
    this.variants = variants
  }

  /** Fixes the variants of `calls` by `choice`, and by the rules for what `choice` leaves open. */
  static of(adapter: string, calls: readonly Call[], facts: AdapterFacts, choice: Choice): FixedChoice {
    const bySignature = new Map(calls.filter(call => isOpen(call, facts)).map(call => [signatureOf(call), call]))
    const variants = [...bySignature].map(
      ([signature, call]) => [signature, chooseVariant(call, facts, choice(call)).name] as const,
    )
    return new FixedChoice(adapter, new Map(variants.sort(([a], [b]) => (a < b ? -1 : 1))))
  }

  /** Undefined if the checkpoint predates the choice of variants. Throws InputError naming `source` if the record is malformed. */
  static fromRecord(value: unknown, source: string): FixedChoice | undefined {
    if (value === undefined || value === null) return undefined
    const { adapter, variants } = value as Partial<RecordedChoice>
    const named = typeof variants === 'object' && variants !== null ? Object.entries(variants) : undefined
    if (typeof adapter !== 'string' || !named?.every(([, variant]) => typeof variant === 'string'))
      throw new InputError(
        `${source}: sadaan_gpu.variants cannot be read, expected an adapter and a variant for each call`,
      )
    return new FixedChoice(adapter, new Map(named))
  }

  toRecord(): RecordedChoice {
    return { adapter: this.adapter, variants: Object.fromEntries(this.variants) }
  }

  readonly choice: Choice = call => (call.kernel.variants.length > 1 ? this.variants.get(signatureOf(call)) : undefined)

  /** Equal choices have equal digests. */
  get digest(): string {
    return createHash('sha256')
      .update(JSON.stringify([...this.variants]))
      .digest('hex')
      .slice(0, 16)
  }

  /** Distinct calls per kernel and variant: `{ 'conv3d.forward': { winograd: 12, direct: 5 } }`. */
  counts(): Record<string, Record<string, number>> {
    const counts: Record<string, Record<string, number>> = {}
    for (const [signature, variant] of this.variants) {
      const kernel = signature.slice(0, signature.indexOf(' '))
      counts[kernel] ??= {}
      counts[kernel][variant] = (counts[kernel][variant] ?? 0) + 1
    }
    return counts
  }
}
