import { createHash } from 'node:crypto'
import type { AdapterFacts, Call } from '../graph/kernel.ts'
import { signatureOf } from '../graph/signature.ts'
import { type Choice, chooseVariant } from '../plan/lower.ts'
import { InputError } from '../util/error.ts'
import { candidatesOf, kernelDigest } from './kernel_text.ts'
import type { TunedTable } from './table.ts'

/** Whether there is anything to choose. */
export function isOpen(call: Call, facts: AdapterFacts): boolean {
  return call.kernel.variants.length > 1 && candidatesOf(call, facts).length > 1
}

/** Chooses what the first of `tables` that knows a call says; a call that none knows is left to the variants' own rules. */
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

/** The variants of a run, as its checkpoints hold them. */
export interface RecordedChoice {
  /** name of the adapter's identity */
  adapter: string
  /** signature → variant, of every call that has a choice */
  variants: Record<string, string>
}

/** The variants of a run: fixed before its first step, since they fix the order of its sums, and used again when it is resumed. */
export class FixedChoice {
  readonly adapter: string
  private readonly variants: ReadonlyMap<string, string>

  private constructor(adapter: string, variants: ReadonlyMap<string, string>) {
    this.adapter = adapter
    this.variants = variants
  }

  /** What `choice` and, where it leaves one, the rules make of `calls`. */
  static of(adapter: string, calls: readonly Call[], facts: AdapterFacts, choice: Choice): FixedChoice {
    const bySignature = new Map(calls.filter(call => isOpen(call, facts)).map(call => [signatureOf(call), call]))
    const variants = [...bySignature].map(
      ([signature, call]) => [signature, chooseVariant(call, facts, choice(call)).name] as const,
    )
    return new FixedChoice(adapter, new Map(variants.sort(([a], [b]) => (a < b ? -1 : 1))))
  }

  /** Undefined where a checkpoint holds none: it is older than the choice. Throws InputError naming `source` where it holds something else. */
  static fromRecord(value: unknown, source: string): FixedChoice | undefined {
    if (value === undefined || value === null) return undefined
    const { adapter, variants } = value as Partial<RecordedChoice>
    const named = typeof variants === 'object' && variants !== null ? Object.entries(variants) : undefined
    if (typeof adapter !== 'string' || !named?.every(([, variant]) => typeof variant === 'string'))
      throw new InputError(
        `${source}: sadaan_gpu.variants cannot be read, expected an adapter and a variant of each call`,
      )
    return new FixedChoice(adapter, new Map(named))
  }

  toRecord(): RecordedChoice {
    return { adapter: this.adapter, variants: Object.fromEntries(this.variants) }
  }

  readonly choice: Choice = call => (call.kernel.variants.length > 1 ? this.variants.get(signatureOf(call)) : undefined)

  /** Equal for equal choices. */
  get digest(): string {
    return createHash('sha256')
      .update(JSON.stringify([...this.variants]))
      .digest('hex')
      .slice(0, 16)
  }

  /** Calls of each variant of each kernel, equal ones counted once: `{ 'conv3d.forward': { winograd: 12, direct: 5 } }`. */
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
