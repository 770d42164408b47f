import type { AdapterFacts, Call } from '../src/graph/kernel.ts'
import type { Plan } from '../src/plan/plan.ts'

/** The calls that a plan kept: those without a dispatch left computed what nobody reads. */
export function callsOf({ dispatches }: Plan, calls: readonly Call[]): Call[] {
  const kept = new Set(dispatches.map(({ label }) => label))
  return calls.filter(({ label }) => kept.has(label))
}

/** The variant that each kernel of `calls` runs as, by the kernel's name; several where its shapes choose differently. */
export function chosenVariants(calls: readonly Call[], facts: AdapterFacts): Record<string, string> {
  const chosen = new Map<string, Set<string>>()
  for (const { kernel, args } of calls) {
    const variant = kernel.variants.find(({ fits }) => fits?.(args, facts) ?? true)
    const names = chosen.get(kernel.name) ?? new Set()
    chosen.set(kernel.name, names.add(variant?.name ?? 'none'))
  }
  return Object.fromEntries([...chosen].map(([name, variants]) => [name, [...variants].join(', ')]))
}
