import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { describe, expect, test } from 'vitest'
import { childWords, Launched, launchers } from './mpirun.ts'

interface Outcome {
  facts: { rank: number; size: number; name: string; self: object; members: number; library?: string }
  sums: string[]
  kept: number[]
  /** as text, which has −0 */
  flushed: string
  bytes: number[]
  values: unknown[]
  refusal: string
  gathered: number[][]
}

const gradient = (r: number): Float32Array =>
  Float32Array.from({ length: 1001 }, (_, i) => Math.sin(i * (r + 1)) * 10 ** ((i * 7 + r) % 5))

/** The sum of the gradients of ranks [from, to) as the balanced binary tree, written down anew. */
function treeSum(from: number, to: number): Float32Array {
  if (to - from === 1) return gradient(from)
  let half = 1
  while (half * 2 < to - from) half *= 2
  const left = treeSum(from, from + half)
  const right = treeSum(from + half, to)
  return left.map((value, i) => value + right[i]!)
}

const encoded = (array: Float32Array): string => createHash('sha256').update(array).digest('hex')

function check(outcomes: readonly Outcome[], size: number): void {
  expect(outcomes.map(({ facts }) => facts.rank)).toEqual(Array.from({ length: size }, (_, r) => r))
  for (const { facts, ...outcome } of outcomes) {
    const { rank } = facts
    expect(facts).toMatchObject({ size, members: size, name: `rank ${rank} on ${hostname()}` })
    expect(facts.self).toMatchObject({ rank, localRank: rank, host: hostname() })
    const all = encoded(treeSum(0, size))
    expect(outcome.sums).toEqual([all, encoded(gradient(0)), encoded(treeSum(0, Math.max(1, size - 1))), all])
    expect(outcome.kept).toEqual([size * 2 ** -130, -size * 2 ** -127, size * 2 ** -126])
    if (size > 1) expect(outcome.flushed).toBe(`0 -0 ${size * 2 ** -126}`)
    expect(outcome.bytes).toEqual(Array(5).fill(size - 1))
    expect(outcome.gathered).toEqual(Array.from({ length: size }, (_, r) => Array(r).fill(r)))
    expect(outcome.values).toEqual(Array.from({ length: size }, (_, r) => ({ rank: r, odd: r % 2 === 1 })))
    const both = `rank 0 on ${hostname()} has a and rank 1 on ${hostname()} has b`
    expect(outcome.refusal).toBe(size > 1 ? `InputError: the dataset must be the same on all ranks, but ${both}` : '')
  }
}

const outcomesOf = (stdout: string): Outcome[] =>
  stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Outcome)
    .sort((a, b) => a.facts.rank - b.facts.rank)

test('a process without a launcher is the only rank, and loads no library', () => {
  const stdout = execFileSync(process.execPath, childWords('exchange.mjs'), { encoding: 'utf8' })
  const outcomes = outcomesOf(stdout)
  check(outcomes, 1)
  expect(outcomes[0]!.facts.library).toBeUndefined()
})

describe.each(launchers)('$name', launcher => {
  test.for([2, 4])('%d ranks sum, gather and agree with the same bits', async (size, { skip }) => {
    if (launcher.missing) skip(launcher.missing)
    const { code, stdout, stderr } = await new Launched(launcher, size, childWords('exchange.mjs')).ended
    expect(code, stderr).toBe(0)
    const outcomes = outcomesOf(stdout)
    check(outcomes, size)
    for (const { facts } of outcomes) expect(facts.library).toContain(launcher.name)
  })
})
