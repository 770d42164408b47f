import { expect, test } from 'vitest'
import { workloadOf } from '../../bench/workload.ts'
import { loadConfig } from '../../src/config/load.ts'
import { trainingCalls } from '../../src/train/training_plans.ts'
import { identityOf } from '../../src/tune/adapter_identity.ts'
import { openCalls } from '../../src/tune/autotune.ts'
import { readTable, shippedPath } from '../../src/tune/cache.ts'
import { testDevice } from '../harness.ts'

const { device } = await testDevice()
const table = readTable(shippedPath(identityOf(device)), () => undefined)

// Skipped on adapters without a shipped table. A table is valid for one version of the shaders.
test.skipIf(!table)(
  'the shipped table has a valid measurement for every call of the default step, and no others',
  async () => {
    const workload = await workloadOf(loadConfig({ overrides: [] }))
    const calls = openCalls(trainingCalls(workload), device.facts)
    const lapsed = calls.filter(({ signature, digest }) => !table!.find(signature, () => digest))
    expect(lapsed.map(({ signature }) => signature)).toEqual([])
    expect(table!.size).toBe(calls.length)
  },
)
