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
  inMillimetres: (length: number) => number
  warnings: string[]
}

/** Millimetres unless the header states another unit. ITK never looks at it, so another one is a doubt. */
export function lengthUnit(stated: string | undefined, field: string): LengthUnit {
  const name = stated?.trim().toLowerCase() ?? ''
  const isStated = !['', '?', 'mm', 'millimeter', 'millimetre'].includes(name)
  const known = Object.hasOwn(UNITS, name) ? UNITS[name] : undefined
  const [times, over] = known ?? [1, 1]
  const taken = known ? 'they become millimetres here, and ITK takes them for millimetres' : 'millimetres are taken'
  return {
    inMillimetres: length => (length * times) / over,
    warnings: isStated ? [`its lengths are in ${name} (${field}): ${taken}`] : [],
  }
}
