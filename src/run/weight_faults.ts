import { BATCH_NORM_EPSILON } from '../nn/specification.ts'
import { InputError } from '../util/error.ts'

/** A tensor's values, by its name in the state dict. */
type NamedValues = readonly [name: string, values: ArrayLike<number>]

/** Beyond this, the network's sums may exceed float32. Statistics may be larger, because the network divides by them. */
const LARGEST_PARAMETER = 1e12
/** Entries of the state dict, or of Adam's state, that are no parameters. */
const STATISTIC = /running_mean$|running_var$|^exp_avg/

/** What makes a value useless, in the order in which it is reported. */
interface Rule {
  what: string
  appliesTo(name: string): boolean
  isBroken(value: number): boolean
}

const RULES: readonly Rule[] = [
  { what: 'not finite', appliesTo: () => true, isBroken: value => !Number.isFinite(Math.fround(value)) },
  {
    what: `beyond ${LARGEST_PARAMETER.toExponential()}`,
    appliesTo: name => !STATISTIC.test(name),
    isBroken: value => Math.abs(value) > LARGEST_PARAMETER,
  },
  {
    what: 'negative',
    appliesTo: name => name.endsWith('running_var'),
    isBroken: value => Math.fround(value + BATCH_NORM_EPSILON) <= 0, // batch norm takes the root of this
  },
]

/**
 * What makes tensors useless, one phrase per tensor. A GPU may turn such values into plausible outputs, because its compiler may assume that
 * NaN does not occur.
 */
export function faultsOf(tensors: Iterable<NamedValues>): string[] {
  return [...tensors].flatMap(([name, values]) => {
    for (const { what, appliesTo, isBroken } of RULES) {
      const count = appliesTo(name) ? countOf(values, isBroken) : 0
      if (count > 0) return [`${name} has ${count} of ${values.length} values ${what}`]
    }
    return []
  })
}

/** Throws InputError if a tensor is useless: names the file, the first such tensor and how many of its values are. */
export function checkUsable(tensors: Iterable<NamedValues>, source: string): void {
  const [first, ...others] = faultsOf(tensors)
  if (first === undefined) return
  const more = others.length === 0 ? '' : ` (${others.length} more tensors are like it)`
  throw new InputError(
    `${source}: ${first}${more}: the training diverged or the file is damaged, expected another checkpoint`,
  )
}

function countOf(values: ArrayLike<number>, isMeant: (value: number) => boolean): number {
  let count = 0
  for (let i = 0; i < values.length; i++) if (isMeant(values[i]!)) count++
  return count
}
