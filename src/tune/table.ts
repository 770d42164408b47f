const FORMAT = 1

/** The result for one call. */
export interface Measurement {
  /** the chosen variant */
  variant: string
  /** best time of every correct variant, in milliseconds */
  milliseconds: Readonly<Record<string, number>>
}

/** Measurements on one adapter, by the call's signature and the digest of its kernels (`kernelDigest`). */
export class TunedTable {
  /** name of the adapter's identity */
  readonly adapter: string
  private readonly entries = new Map<string, Map<string, Measurement>>()

  constructor(adapter: string) {
    this.adapter = adapter
  }

  /** Reads what `toText` wrote. Throws Error if the text is malformed. */
  static parse(text: string): TunedTable {
    const { format, adapter, entries } = asObject(JSON.parse(text), 'the file')
    if (format !== FORMAT) throw new Error(`format is ${JSON.stringify(format)}, expected ${FORMAT}`)
    if (typeof adapter !== 'string') throw new Error('adapter is not a string')
    const table = new TunedTable(adapter)
    for (const [signature, versions] of Object.entries(asObject(entries, 'entries')))
      for (const [digest, value] of Object.entries(asObject(versions, signature)))
        table.set(signature, digest, measurementOf(value, signature))
    return table
  }

  /** signatures */
  get size(): number {
    return this.entries.size
  }

  /** Calls `digest` only if the signature is known. */
  find(signature: string, digest: () => string): Measurement | undefined {
    return this.entries.get(signature)?.get(digest())
  }

  set(signature: string, digest: string, measurement: Measurement): void {
    const versions = this.entries.get(signature) ?? new Map<string, Measurement>()
    this.entries.set(signature, versions.set(digest, measurement))
  }

  /** Adds the calls of `other` whose signature this table lacks. */
  extend(other: TunedTable): void {
    for (const [signature, versions] of other.entries)
      if (!this.entries.has(signature)) this.entries.set(signature, new Map(versions))
  }

  /** Adds all missing measurements of `other`, including those for other kernel texts. */
  complete(other: TunedTable): void {
    for (const [signature, versions] of other.entries)
      for (const [digest, measurement] of versions)
        if (!this.entries.get(signature)?.has(digest)) this.set(signature, digest, measurement)
  }

  /** Sorted JSON: equal measurements give equal text. */
  toText(): string {
    const sorted = <T>(map: ReadonlyMap<string, T>): [string, T][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1))
    const entries = sorted(this.entries).map(([key, versions]) => [key, Object.fromEntries(sorted(versions))])
    const { adapter } = this
    return `${JSON.stringify({ format: FORMAT, adapter, entries: Object.fromEntries(entries) }, null, 2)}\n`
  }
}

function asObject(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Error(`${where} is not an object`)
}

function measurementOf(value: unknown, where: string): Measurement {
  const { variant, milliseconds } = asObject(value, where)
  if (typeof variant !== 'string') throw new Error(`${where}: variant is not a string`)
  const times = Object.entries(asObject(milliseconds, `${where}: milliseconds`))
  if (times.some(([, time]) => typeof time !== 'number')) throw new Error(`${where}: milliseconds are not numbers`)
  return { variant, milliseconds: Object.fromEntries(times) as Record<string, number> }
}
