/** Factors to millimetres, as the fraction that rounds least. */
const UNITS: Readonly<Record<string, readonly [times: number, over: number]>> = {
  mm: [1, 1],
  millimeter: [1, 1],
  millimetre: [1, 1],
  cm: [10, 1],
  m: [1000, 1],
  um: [1, 1000],
  µm: [1, 1000],
  μm: [1, 1000],
}

/** A unit of length that a text header states. */
export interface LengthUnit {
  /** null if it states none */
  name: string | null
  inMillimetres: (length: number) => number
  warnings: string[]
}

/** Millimetres unless the header states another unit. ITK never looks at it, so another one is a doubt. */
export function lengthUnit(stated: string | undefined, field: string): LengthUnit {
  const text = stated?.trim().toLowerCase() ?? ''
  const name = text === '' || text === '?' ? null : text
  const known = name !== null && Object.hasOwn(UNITS, name) ? UNITS[name] : undefined
  const [times, over] = known ?? [1, 1]
  const isPlain = name === null || (known !== undefined && times === over)
  const taken = known ? 'they become millimetres here, and ITK takes them for millimetres' : 'millimetres are taken'
  return {
    name,
    inMillimetres: length => (length * times) / over,
    warnings: isPlain ? [] : [`its lengths are in ${name} (${field}): ${taken}`],
  }
}
