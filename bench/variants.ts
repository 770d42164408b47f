import type { Device } from '../src/gpu/device.ts'
import type { AdapterFacts, Call } from '../src/graph/kernel.ts'
import { type Choice, chooseVariant, fittingVariants } from '../src/plan/lower.ts'
import type { Plan } from '../src/plan/plan.ts'
import { fixVariants } from '../src/run/variants.ts'
import { trainingCalls } from '../src/train/training_plans.ts'
import type { Workload } from './workload.ts'

/** The variants that training would fix for this workload; measures first if `compute.autotune` is 'full'. */
export async function variantsFor(device: Device, workload: Workload): Promise<Choice> {
  const { config } = workload
  const calls = trainingCalls(workload)
  const { fixed } = await fixVariants({ device, config, calls, say: line => process.stderr.write(`${line}\n`) })
  return fixed.choice
}

/** The calls of a plan, without dead ones (those with no dispatch left). */
export function callsOf({ dispatches }: Plan, calls: readonly Call[]): Call[] {
  const kept = new Set(dispatches.map(({ label }) => label))
  return calls.filter(({ label }) => kept.has(label))
}

/** The variant of each kernel in `calls`, by kernel name; several if its shapes choose differently. */
export function chosenVariants(calls: readonly Call[], facts: AdapterFacts, choice: Choice): Record<string, string> {
  const chosen = new Map<string, Set<string>>()
  for (const call of calls) {
    const names = chosen.get(call.kernel.name) ?? new Set()
    chosen.set(call.kernel.name, names.add(chooseVariant(call, facts, choice(call)).name))
  }
  return Object.fromEntries([...chosen].map(([name, variants]) => [name, [...variants].join(', ')]))
}

/** Variants that round their inputs to f16, whatever their storage type. */
export const HALF_VARIANTS: readonly string[] = ['matrix']

/** Names of the other variants that a call could run as. */
export function otherVariants(calls: readonly Call[], facts: AdapterFacts, choice: Choice): string[] {
  const others = calls.flatMap(call => {
    const chosen = chooseVariant(call, facts, choice(call))
    return fittingVariants(call, facts).filter(variant => variant !== chosen)
  })
  return [...new Set(others.map(({ name }) => name))]
}
