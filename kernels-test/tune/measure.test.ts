import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { defaultConfig } from '../../src/config/schema.ts'
import type { AdapterFacts, Call, Dispatch, Kernel, Variant } from '../../src/graph/kernel.ts'
import { Tape } from '../../src/graph/tape.ts'
import { type Tensor, tensor } from '../../src/graph/tensor.ts'
import { conv3d } from '../../src/ops/conv3d.ts'
import { elementwise } from '../../src/ops/elementwise.ts'
import { chooseVariant, fittingVariants } from '../../src/plan/lower.ts'
import { fixVariants } from '../../src/train/variants.ts'
import { type AutotuneReport, autotune, type OpenCall, openCalls } from '../../src/tune/autotune.ts'
import { fastest, type Refusal } from '../../src/tune/measure.ts'
import type { Measurement } from '../../src/tune/table.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { testDevice } from '../harness.ts'

const { device } = await testDevice() // before the cache is elsewhere: the software adapter is found there

beforeAll(() => {
  vi.stubEnv('XDG_CACHE_HOME', join(temporaryDirectory(), 'cache'))
})
afterAll(() => {
  vi.unstubAllEnvs()
})

interface Args {
  x: Tensor
  y: Tensor
}

const relu = elementwise('relu').forward.variants[0]
const sigmoid = elementwise('sigmoid').forward.variants[0]
const dispatched = (variant: Variant<Args>, args: Args, facts: AdapterFacts): Dispatch =>
  variant.lower(args, { facts, scratch: () => args.y, source: t => ({ tensor: t }) })[0]!

/** ReLU in ways that are right, wrong, and broken; the rules take the first. */
const trial: Kernel<Args> = {
  name: 'trial',
  variants: [
    // the same element after element, a hundred times
    { name: 'slow', lower: (args, { facts }) => Array.from({ length: 100 }, () => dispatched(relu, args, facts)) },
    { name: 'wrong', lower: (args, { facts }) => [dispatched(sigmoid, args, facts)] },
    { name: 'right', lower: (args, { facts }) => [dispatched(relu, args, facts)] },
    { name: 'half', lower: (args, { facts }) => [{ ...dispatched(relu, args, facts), invocations: 1 }] },
    { name: 'broken', lower: (args, { facts }) => [{ ...dispatched(relu, args, facts), constants: { NONE: 1 } }] },
    { name: 'unbound', lower: (args, { facts }) => [{ ...dispatched(relu, args, facts), bindings: {} }] },
    { name: 'elsewhere', fits: () => false, lower: () => [] },
  ],
}

function trialCall(elements = 100_000): Call {
  const tape = new Tape()
  tape.run(trial, { x: tensor('x', [1, 1, elements], 'temporary'), y: tensor('y', [1, 1, elements], 'temporary') })
  return tape.calls[0]!
}

function convolutions(): Call[] {
  const tape = new Tape()
  const x = tensor('x', [1, 8, 8, 8, 8], 'input')
  const weight = tensor('weight', [16, 8, 3, 3, 3], 'parameter')
  for (const t of [x, weight]) tape.watch(t, tensor(`d(${t.name})`, t.shape, 'gradient'))
  const y = conv3d(tape, x, weight, tensor('bias', [16], 'parameter'))
  tape.differentiate(y, tensor('dy', y.shape, 'input'))
  return tape.calls
}

async function tuned(calls: readonly Call[], how: { budget?: number; stopAfter?: number } = {}) {
  const { budget = 60, stopAfter = Number.POSITIVE_INFINITY } = how
  const stop = new AbortController()
  const found: [OpenCall, Measurement][] = []
  const refused: Refusal[] = []
  const report: AutotuneReport = await autotune({
    device,
    calls: openCalls(calls, device.facts),
    budget,
    stop: stop.signal,
    onMeasured: (call, measurement) => {
      if (found.push([call, measurement]) >= stopAfter) stop.abort()
    },
    refuse: refusal => refused.push(refusal),
  })
  return { report, found, refused }
}

test('a candidate that is wrong, leaves elements out or fails is never chosen and is named with the reason', async () => {
  const { report, found, refused } = await tuned([trialCall()])
  expect(report).toMatchObject({ measured: 1, left: 0 })
  expect(Object.keys(found[0]![1].milliseconds).sort()).toEqual(['right', 'slow'])
  expect(refused.map(({ variant, call }) => [call, variant])).toEqual(
    ['wrong', 'half', 'broken', 'unbound'].map(variant => ['trial', variant]),
  )
  const wrong = /^differs from slow by \S+ of the largest value, at most 0\.0001 is right$/
  expect(refused.map(({ reason }) => reason)).toEqual([
    expect.stringMatching(wrong),
    expect.stringMatching(wrong),
    expect.stringMatching(/pipeline|NONE/),
    expect.stringMatching(/binding/),
  ])
  await expect(device.idle()).resolves.toBeUndefined()
})

test('every variant of a convolution that fits agrees with the one that the rules take', async () => {
  const calls = convolutions()
  const { found, refused } = await tuned(calls)
  expect(refused).toEqual([])
  const several = calls.filter(call => fittingVariants(call, device.facts).length > 1)
  expect(several.length).toBeGreaterThanOrEqual(3)
  expect(found.map(([{ call }]) => call).sort()).toEqual(several.toSorted())
  for (const [{ call }, { variant, milliseconds }] of found) {
    const names = fittingVariants(call, device.facts).map(({ name }) => name)
    expect(Object.keys(milliseconds).sort(), call.label).toEqual(names.toSorted())
    expect(names).toContain(variant)
    for (const time of Object.values(milliseconds)) expect(time).toBeGreaterThan(0)
  }
})

describe('the fastest is taken', () => {
  const of = (seconds: Record<string, number>) => fastest(new Map(Object.entries(seconds)), 'rules')

  test('when it is faster than the rules’ by more than the margin', () => {
    expect(of({ rules: 1, a: 0.97, b: 2 })).toBe('rules')
    expect(of({ rules: 1, a: 0.94, b: 0.93 })).toBe('b')
    expect(of({ rules: 1 })).toBe('rules')
  })
})

test('when the time is over or the user stops, the rest is left and what was measured is kept', async () => {
  const calls = [1000, 2000, 3000].map(trialCall)
  expect(await tuned(calls, { budget: 0 })).toMatchObject({ report: { measured: 0, left: 3 }, found: [], refused: [] })
  const { report, found } = await tuned(calls, { stopAfter: 1 })
  expect(report).toMatchObject({ measured: 1, left: 2 })
  expect(found).toHaveLength(1)
})

test('off is the rules; full measures once, cached takes that and measures nothing', async () => {
  const calls = convolutions().slice(0, 1)
  const lines: string[] = []
  const fixed = (autotune: 'off' | 'cached' | 'full') => {
    const config = defaultConfig()
    lines.length = 0
    config.compute.autotune = autotune
    return fixVariants({ device, config, calls, say: line => lines.push(line) })
  }
  const variantsOf = ({ fixed }: Awaited<ReturnType<typeof fixVariants>>) => calls.map(fixed.choice)
  const rules = calls.map(call => chooseVariant(call, device.facts).name)
  expect(variantsOf(await fixed('off'))).toEqual(rules)
  expect(lines).toEqual([])

  const full = await fixed('full')
  expect(full.origin).toBe('measured')
  expect(lines).toEqual([
    expect.stringMatching(/^autotune {2}measuring the variants of 1 kernel calls, \d+ s at most$/),
    expect.stringMatching(/^autotune {2}1 measured in \d+ s, [01] changed: \S+\.json$/),
  ])
  for (const autotune of ['full', 'cached'] as const) {
    const again = await fixed(autotune)
    expect(lines).toEqual([])
    expect(again.origin).toBe('cache')
    expect(again.fixed.toRecord()).toEqual(full.fixed.toRecord())
    expect(again.fixed.digest).toBe(full.fixed.digest)
  }
  expect(variantsOf(await fixed('off'))).toEqual(rules)
})
