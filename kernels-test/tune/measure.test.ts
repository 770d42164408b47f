import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { defaultConfig } from '../../src/config/schema.ts'
import type { AdapterFacts, Call, Dispatch, Kernel, Variant } from '../../src/graph/kernel.ts'
import { Tape } from '../../src/graph/tape.ts'
import { type Tensor, tensor } from '../../src/graph/tensor.ts'
import { batchNorm } from '../../src/ops/batch_norm.ts'
import { conv3d } from '../../src/ops/conv3d/conv3d.ts'
import { elementwise } from '../../src/ops/elementwise.ts'
import { chooseVariant } from '../../src/plan/lower.ts'
import { fixVariants } from '../../src/run/variants.ts'
import { type AutotuneReport, autotune, type OpenCall, openCalls } from '../../src/tune/autotune.ts'
import { candidatesOf } from '../../src/tune/kernel_text.ts'
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
    { name: 'rounding', roundsInputs: true, lower: (args, { facts }) => [dispatched(relu, args, facts)] },
    { name: 'elsewhere', fits: () => false, lower: () => [] },
  ],
}

function trialCall(elements = 100_000, kernel: Kernel<Args> = trial): Call {
  const tape = new Tape()
  tape.run(kernel, { x: tensor('x', [1, 1, elements], 'temporary'), y: tensor('y', [1, 1, elements], 'temporary') })
  return tape.calls[0]!
}

async function tuned(
  calls: readonly Call[],
  how: Partial<{ budget: number; stopAfter: number; facts: AdapterFacts }> = {},
) {
  const { budget = 3600, stopAfter = Number.POSITIVE_INFINITY, facts = device.facts } = how
  const stop = new AbortController()
  const found: [OpenCall, Measurement][] = []
  const refused: Refusal[] = []
  const report: AutotuneReport = await autotune({
    device,
    facts,
    calls: openCalls(calls, facts),
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
  const wrong = /^differs from slow by \S+ of the largest value, expected at most 0\.0001$/
  expect(refused.map(({ reason }) => reason)).toEqual([
    expect.stringMatching(wrong),
    expect.stringMatching(wrong),
    expect.stringMatching(/pipeline|NONE/),
    expect.stringMatching(/binding/),
  ])
  await expect(device.idle()).resolves.toBeUndefined()
})

test('variants that add to what is there agree when all begin with the same', async () => {
  const tape = new Tape()
  const weight = tensor('weight', [16, 8, 3, 3, 3], 'parameter')
  tape.watch(weight, tensor('d(weight)', weight.shape, 'gradient'))
  const y = conv3d(tape, tensor('x', [1, 8, 8, 8, 8], 'input'), weight, tensor('bias', [16], 'parameter'))
  tape.differentiate(y, tensor('dy', y.shape, 'input'))
  const call = tape.calls.find(({ kernel }) => kernel.name === 'conv3d.backwardWeight')!
  const { found, refused } = await tuned([call])
  expect(refused).toEqual([])
  const [[, { variant, milliseconds }]] = found as [(typeof found)[number]]
  const names = candidatesOf(call, device.facts).map(({ name }) => name)
  expect(Object.keys(milliseconds).sort()).toEqual(names.toSorted())
  expect(names).toContain(variant)
  for (const time of Object.values(milliseconds)) expect(time).toBeGreaterThan(0)
})

test.for(['f32', 'f16'] as const)(
  'a batch norm that is left to its reader is measured with it, stored as %s',
  async (dtype, context) => {
    if (dtype === 'f16' && !device.facts.features.has('shader-f16')) context.skip('no shader-f16')
    const facts = { ...device.facts, precision: dtype }
    const tape = new Tape()
    const parameter = (name: string, ...shape: number[]): Tensor => tensor(name, shape, 'parameter')
    const [weight, bias, runningMean, runningVar] = ['weight', 'bias', 'mean', 'variance'].map(name =>
      parameter(name, 8),
    )
    const norms = { weight: weight!, bias: bias!, runningMean: runningMean!, runningVar: runningVar! }
    const x = tensor('x', [1, 8, 8, 8, 8], 'input', dtype)
    const y = batchNorm(tape, x, norms, { training: false }, { relu: true })
    conv3d(tape, y, parameter('conv.weight', 16, 8, 3, 3, 3), parameter('conv.bias', 16))
    const { found, refused } = await tuned(tape.calls, { facts })
    expect(refused).toEqual([])
    const [[{ call, deferred, signature }, { milliseconds }]] = found as [(typeof found)[number]]
    expect(deferred.map(({ kernel }) => kernel.name)).toEqual(['batchNorm.normalise'])
    expect(signature).toContain(`sources=[${dtype}(1,8,8,8,8)]`)
    expect(Object.keys(milliseconds).sort()).toEqual(
      candidatesOf(call, facts)
        .map(({ name }) => name)
        .sort(),
    )
  },
)

describe('the fastest is taken', () => {
  const of = (seconds: Record<string, number>) => fastest(new Map(Object.entries(seconds)), 'rules')

  test('when it is faster than the rules’ by more than the margin', () => {
    expect(of({ rules: 1, a: 0.97, b: 2 })).toBe('rules')
    expect(of({ rules: 1, a: 0.94, b: 0.93 })).toBe('b')
    expect(of({ rules: 1 })).toBe('rules')
  })
})

test('when the time is over or the user stops, the rest is left and what was measured is kept', async () => {
  const calls = [1000, 2000, 3000].map(elements => trialCall(elements))
  expect(await tuned(calls, { budget: 0 })).toMatchObject({ report: { measured: 0, left: 3 }, found: [], refused: [] })
  const { report, found } = await tuned(calls, { stopAfter: 1 })
  expect(report).toMatchObject({ measured: 1, left: 2 })
  expect(found).toHaveLength(1)
})

test('off is the rules; full measures once, cached takes that and measures nothing', async () => {
  const [slow, , right] = trial.variants as unknown as [Variant<Args>, Variant<Args>, Variant<Args>]
  const calls = [trialCall(1000, { name: 'pair', variants: [slow, right] })]
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
    expect.stringMatching(/^autotune {2}measuring the variants of 1 kernel calls for at most \d+ s$/),
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
