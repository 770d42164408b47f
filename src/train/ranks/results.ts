import { type BatchResult, TERMS, termsOf } from '../../run/batch_result.ts'

/** Why a training stops: the status of its run. */
export type StopReason = 'INTERRUPTED' | 'TIMEOUT'
const REASONS = [undefined, 'INTERRUPTED', 'TIMEOUT'] as const satisfies readonly (StopReason | undefined)[]

/** What a rank tells the others of its batches. */
interface RankResults {
  results: readonly BatchResult[]
  /** undefined: it has not been asked to stop */
  stop: StopReason | undefined
}

const PARTS = [
  'pairs',
  'presenceProbability',
  'presence',
  'statistics',
] as const satisfies readonly (keyof BatchResult)[]

/** Bit for bit. Words: the reason to stop, the lengths of PARTS, then the terms and PARTS of each result. */
export function packResults({ results, stop }: RankResults): Uint8Array {
  const first = results[0]
  const lengths = PARTS.map(part => first?.[part]?.length ?? 0)
  const each = TERMS.length + lengths.reduce((sum, length) => sum + length, 0)
  const head = Uint32Array.of(REASONS.indexOf(stop), ...lengths)
  const floats = new Float32Array(results.length * each)
  for (const [i, result] of results.entries()) {
    let at = i * each
    for (const part of [TERMS.map(name => result.terms[name]), ...PARTS.map(name => result[name] ?? [])]) {
      floats.set(part, at)
      at += part.length
    }
  }
  const bytes = new Uint8Array(head.byteLength + floats.byteLength)
  bytes.set(new Uint8Array(head.buffer))
  bytes.set(new Uint8Array(floats.buffer), head.byteLength)
  return bytes
}

/** Reads what `packResults` wrote. */
export function unpackResults(packed: Uint8Array): RankResults {
  const { buffer } = packed.slice()
  const [reason, ...lengths] = new Uint32Array(buffer, 0, 1 + PARTS.length)
  const floats = new Float32Array(buffer, 4 * (1 + PARTS.length))
  const each = TERMS.length + lengths.reduce((sum, length) => sum + length, 0)
  const results = Array.from({ length: floats.length / each }, (_, i) => {
    let at = i * each
    const take = (length: number): Float32Array => {
      at += length
      return floats.slice(at - length, at)
    }
    const terms = termsOf(take(TERMS.length))
    const [pairs, presenceProbability, presence, statistics] = lengths.map(length => take(length))
    return {
      terms,
      pairs: pairs!,
      presenceProbability: presenceProbability!,
      presence: presence!,
      ...(statistics!.length > 0 && { statistics: statistics! }),
    }
  })
  return { results, stop: REASONS[reason!] }
}
