import type { AdapterFacts } from '../../graph/kernel.ts'

/**
 * Whether a GPU has registers for 64 sums an invocation. Those of NVIDIA and AMD's RDNA do, and their narrowest subgroups are of 32; Intel's have
 * narrower ones, and AMD's before RDNA wider ones only.
 */
export function hasManyRegisters({ subgroupSizes }: AdapterFacts): boolean {
  return subgroupSizes.min === 32
}

/**
 * A shader that demands the narrowest subgroups, where a subgroup's invocations share its registers: on Intel's GPUs, one of 8 has twice as many for
 * each as one of 16, which the driver would choose.
 */
export function inNarrowSubgroups(shader: string, { features, subgroupSizes: { min, max } }: AdapterFacts): string {
  const isDemanded = min < 32 && min < max && features.has('subgroup-size-control')
  return isDemanded ? `${shader} SUBGROUP=${min}` : shader
}
