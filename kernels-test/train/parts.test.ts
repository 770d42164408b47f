import { afterAll, describe, expect, test } from 'vitest'
import { defaultConfig } from '../../src/config/schema.ts'
import { GUARANTEED_FACTS } from '../../src/graph/kernel.ts'
import type { Lowered } from '../../src/plan/lower.ts'
import { slowSeconds } from '../../src/plan/submits.ts'
import { initialisationOf, writeInitial } from '../../src/run/model_weights.ts'
import { TrainingEngine } from '../../src/train/engine.ts'
import { planTraining } from '../../src/train/training_plans.ts'
import { testDevice } from '../harness.ts'
import { smallBatch } from './small_batch.ts'
import { STRUCTURES } from './training_here.ts'

const config = defaultConfig()
const workOf = (dispatches: readonly Lowered[]): number => dispatches.reduce((sum, each) => sum + slowSeconds(each), 0)

describe('the gradients of the default model', () => {
  const shape = { structures: 13, size: [32, 32, 32], inChannels: 1, channels: config.model.channels } as const
  const structureNames = Array.from({ length: 13 }, (_, i) => `organ ${i}`)
  const spec = { config, shape, structureNames, batchSize: 1 }
  const { accumulate, parts, state } = planTraining(GUARANTEED_FACTS, { ...spec, isShared: true })
  const alone = planTraining(GUARANTEED_FACTS, spec).accumulate

  test('are in one part each', () => {
    const ranges = parts.flatMap(part => part.ranges).toSorted((a, b) => a.start - b.start)
    expect(ranges[0]!.start).toBe(0)
    for (const [i, { end }] of ranges.entries()) expect(ranges[i + 1]?.start ?? state.gradients.length).toBe(end)
    for (const { ranges, length } of parts) expect(ranges.reduce((sum, r) => sum + r.end - r.start, 0)).toBe(length)
  })

  test('are final where their part says so', () => {
    for (const { ranges, after } of parts)
      for (const { bound } of accumulate.dispatches.slice(after))
        for (const { tensor, offset, length, writes } of bound) {
          if (!writes || !state.gradients.has(tensor)) continue
          const start = state.gradients.offsetOf(tensor) + offset
          expect(ranges.filter(range => start < range.end && range.start < start + length)).toEqual([])
        }
  })

  test('of most parameters are final while a fifth of the work is left', () => {
    const early = parts.filter(
      ({ after }) => workOf(accumulate.dispatches.slice(after)) > 0.2 * workOf(accumulate.dispatches),
    )
    const share = early.reduce((sum, { length }) => sum + length, 0) / state.gradients.length
    expect(share).toBeGreaterThan(0.85)
  })

  test('come from the dispatches of one process, each after those that it depends on', () => {
    const named = (dispatches: readonly Lowered[]): string[] =>
      dispatches.map(({ label, key }) => `${label} ${key.shader} ${key.entry}`)
    expect(named(accumulate.dispatches).toSorted()).toEqual(
      named(alone.dispatches.filter(({ label }) => !label.includes('commit'))).toSorted(),
    )
    const writers = (dispatches: readonly Lowered[]) => {
      // what each dispatch reads and writes, as the last writer of each of its tensors
      const last = new Map<string, string>()
      return dispatches.map(({ label, bound }) => {
        const seen = bound.map(({ tensor }) => `${tensor.name}: ${last.get(tensor.name) ?? 'none'}`).sort()
        for (const { tensor, writes } of bound) if (writes) last.set(tensor.name, label)
        return `${label} ← ${seen.join(', ')}`
      })
    }
    const before = new Set(writers(alone.dispatches))
    expect(writers(accumulate.dispatches).filter(line => !before.has(line))).toEqual([])
  })
})

describe('parts of a window', async () => {
  const at = await testDevice()
  const VOXELS = 32 * 16 * 16
  const shape = { structures: 3, size: [32, 16, 16], inChannels: 1, channels: [2, 4, 4, 6, 8] } as const
  const spec = { config, shape, structureNames: STRUCTURES, batchSize: 1, window: 4 }
  const [one, shared] = await Promise.all(
    [false, true].map(isShared => TrainingEngine.allocate(at.device, { ...spec, isShared })),
  )
  afterAll(async () => {
    for (const engine of [one!, shared!]) await engine.close()
  })
  for (const engine of [one!, shared!]) {
    await engine.prepare()
    writeInitial(engine.storage, engine.state, initialisationOf(config))
  }
  const batches = Array.from({ length: 4 }, (_, sample) => smallBatch(sample, VOXELS))
  const place = { seed: 1, epoch: 0, share: 1 / 4 }

  test.each([1, 2, 3, 4])('have the bits of one process, with %i batches', async count => {
    const window = batches.slice(0, count)
    for (const batch of window) await one!.accumulate(batch, place)
    await one!.update(0)
    const whole = await one!.storage.readArena(one!.state.gradients)

    for (const batch of window.slice(0, -1)) await shared!.accumulate(batch, place)
    const { result, parts } = shared!.accumulateLast(window.at(-1)!, place)
    const found = new Float32Array(whole.length).fill(Number.NaN)
    for (const [i, part] of parts.entries()) {
      const values = await part
      let from = 0
      for (const { start, end } of shared!.parts[i]!.ranges) {
        found.set(values.subarray(from, from + end - start), start)
        from += end - start
      }
      shared!.writePart(i, values)
    }
    await result
    expect(parts.length).toBeGreaterThan(2)
    expect(found).toEqual(whole)
    expect(await shared!.storage.readArena(shared!.state.gradients)).toEqual(whole)
  })
})
