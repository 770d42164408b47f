import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { FaultyProgram } from './faulty_program.ts'
import { noShim, Shim } from './shim.ts'
import { listOf, type Scenario, sweep } from './sweep.ts'

/** A test per command: each with a number of faults, which it is at most given. */
export function testSweeps(root: string, scenarios: readonly (readonly [Scenario, number])[]): void {
  const program = noShim === undefined ? new FaultyProgram(new Shim(root)) : undefined
  afterAll(() => program?.end())
  const rows = scenarios.map(([scenario, most]) => ({ name: scenario.name, scenario, most }))
  test.for(rows)('$name under faults', async ({ name, scenario, most }, { skip }) => {
    if (!program) return skip(noShim)
    const done = await sweep(program, scenario, join(root, name.replaceAll(/\W+/g, '_')), most)
    const ends = [...done.ends].map(([code, count]) => `${count} × ${code}`).join(', ')
    console.log(`${name}: ${done.seen.length} operations, ${done.faults} faults; ends ${ends}\n${listOf(done)}`)
    expect(done.findings.length).toBe(0)
  })
}
