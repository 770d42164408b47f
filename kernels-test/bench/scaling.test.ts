// full: starts ranks
import { expect, test } from 'vitest'
import type { ScalingReport } from '../../bench/scaling/scaling.ts'
import { launchers } from '../distributed/mpirun.ts'
import { bench, TINY } from './bench.ts'

const missing = launchers.every(({ missing }) => missing !== undefined)

test.skipIf(missing)('bench scaling measures one rank and two, whatever stands before `with`', async () => {
  const words = ['--json', '--steps', '1', '--python', 'no-python', ...TINY, 'compute.share_adapters=True']
  const { one, several, torch } = await bench<ScalingReport>('scaling', ...words)
  expect(one).toMatchObject({ ranks: 1, batch_size: 1, apart_s: expect.any(Number) })
  expect(several.sent_bytes).toBeGreaterThan(0)
  expect(several.exchange_s).toBeGreaterThan(0)
  expect(torch).toBeUndefined()
})
