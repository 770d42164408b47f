import type { Ranks } from './ranks.ts'

const BYTES = 64 * 2 ** 20

/**
 * Sums 64 MiB among all ranks, as training sums gradients, and checks the result. Returns the seconds of the slowest rank, and the bytes that each has
 * sent in a second, in GB (10⁹ bytes).
 */
export async function exchangeSpeed(ranks: Ranks): Promise<{ seconds: number; gigabytesPerSecond: number }> {
  const { rank, size } = ranks
  const values = new Float32Array(new SharedArrayBuffer(BYTES)).fill(rank + 1)
  const sum = (): Promise<void> => ranks.sum(values, { contributing: size, flush: false })
  await sum() // opens the connections
  const expected = (size * (size + 1)) / 2
  const wrong = values.findIndex(value => value !== expected)
  if (wrong >= 0) throw new Error(`MPI: element ${wrong} of a sum is ${values[wrong]}, expected ${expected}`)
  await ranks.barrier()
  const start = performance.now()
  await sum()
  const seconds = Math.max(...(await ranks.gatherValues((performance.now() - start) / 1000)))
  const sent = (BYTES * 2 * (size - 1)) / size
  return { seconds, gigabytesPerSecond: sent / seconds / 1e9 }
}
