// full: most of it is waiting for ranks to end
import { hostname } from 'node:os'
import { describe, expect, test } from 'vitest'
import { isAlive } from '../../src/util/system/processes.ts'
import { childWords, Launched, launchers } from './mpirun.ts'

/** What the ranks have said, without what their launcher says. */
const ownLines = (stderr: string): string[] => stderr.split('\n').filter(line => line.includes('sadaan-gpu: '))

describe.each(launchers)('$name', launcher => {
  /** MPICH's launcher kills the others, and mixes their codes with that of the first. */
  const expectCode = (code: number | null, expected: number): void => {
    if (launcher.name === 'Open MPI') expect(code).toBe(expected)
    else expect(code).toBeGreaterThan(0)
  }
  const start = (scenario: string): Launched => new Launched(launcher, 3, childWords('faults.mjs', scenario))

  test.skipIf(launcher.missing)('an error of one rank ends all, and is said once', async () => {
    const { code, stderr } = await start('throw').ended
    expect(ownLines(stderr)).toEqual([`sadaan-gpu: rank 1 on ${hostname()}: out of memory`])
    expectCode(code, 1)
  })

  test.skipIf(launcher.missing)('wrong input of all ranks is said once', async () => {
    const { code, stderr } = await start('same').ended
    expect(ownLines(stderr)).toEqual([`sadaan-gpu: rank 0 on ${hostname()}: no dataset`])
    expectCode(code, 2)
  })

  test.skipIf(launcher.missing)('a rank that does not come is named after rank_timeout', async () => {
    const { code, stderr } = await start('hang').ended
    // rank 0 knows whom all wait for; where it is slow to say so, another says that it waits for rank 0
    const waited =
      /^sadaan-gpu: rank [02] on \S+: waited \d+ s in a sum of gradients \(compute.rank_timeout\) for rank [01] on /
    expect(ownLines(stderr)).toEqual([expect.stringMatching(waited)])
    expect(code).not.toBe(0)
  })

  test.skipIf(launcher.missing)('a rank that is killed ends all', async () => {
    const ranks = start('kill')
    const [, pid] = await ranks.says(/rank 1 is process (\d+)/)
    process.kill(Number(pid), 'SIGKILL')
    const { code, stdout, stderr } = await ranks.ended
    const lost = `rank 1 on ${hostname()} (process ${pid}) has died`
    // MPICH's launcher kills the others at once and names one of those that are gone
    if (launcher.name === 'Open MPI') expect(ownLines(stderr)).toEqual([`sadaan-gpu: rank 0 on ${hostname()}: ${lost}`])
    else expect(stdout).toMatch(/PID \d+ RUNNING AT .*\n.*EXIT CODE: 9$/m)
    expect(code).not.toBe(0)
  })

  test.skipIf(launcher.missing)('no rank outlives its launcher', async () => {
    const ranks = start('kill')
    const pids: number[] = []
    for (const rank of [0, 1, 2]) pids.push(Number((await ranks.says(new RegExp(`rank ${rank} is process (\\d+)`)))[1]))
    ranks.child.kill('SIGKILL')
    while (pids.some(isAlive)) await new Promise(resolve => setTimeout(resolve, 50))
  })
})
