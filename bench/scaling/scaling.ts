import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { findMpirun } from '../../src/distributed/mpirun.ts'
import { featuresOf } from '../../src/nn/specification.ts'
import { PACKAGE_ROOT } from '../../src/util/package_root.ts'
import { findPythons } from '../peers/python.ts'
import { jsonOf, nodeParameters, pythonJson } from '../processes.ts'
import type { Workload } from '../workload.ts'
import type { RankMeasurement } from './rank.ts'

const ORACLE = join(PACKAGE_ROOT, 'kernels-test/oracle/sadaan_oracle.py')
const DDP = join(PACKAGE_ROOT, 'bench/peers/ddp.py')

interface Torch {
  torch: string
  /** seconds of a step of the slowest process: alone, but at the same time, and with DistributedDataParallel over gloo */
  apart_s: number
  together_s: number
}

export interface ScalingReport {
  ranks: number
  /** of the machine */
  cores: number
  one: RankMeasurement
  several: RankMeasurement
  /** undefined without torch */
  torch: Torch | undefined
}

export interface ScalingRequest {
  workload: Workload
  /** the command line words behind the workload */
  words: readonly string[]
  ranks: number
  steps: number
  /** Pythons with torch */
  python: readonly string[]
  say(line: string): void
}

/**
 * Times updates of one rank and of several on this machine, a software adapter's cores divided among them, and of as many processes of torch.
 * @throws InputError if MPI is missing
 */
export async function benchScaling({
  workload,
  words,
  ranks,
  steps,
  python,
  say,
}: ScalingRequest): Promise<ScalingReport> {
  const { program, options } = findMpirun()
  const cores = availableParallelism()
  const threads = String(Math.max(1, Math.floor(cores / ranks)))
  const measured = (count: number): Promise<RankMeasurement> => {
    say(`measuring ${count} rank${count === 1 ? '' : 's'}`)
    const command = [...nodeParameters('cli/main.ts'), 'bench', 'scaling', '--json', '--steps', String(steps), ...words]
    const environment = { LP_NUM_THREADS: threads, ...process.env }
    return jsonOf(program, [...options, '-n', String(count), process.execPath, ...command], environment)
  }
  const one = await measured(1)
  const several = await measured(ranks)
  const { found, missing } = await findPythons(python)
  for (const each of missing) say(`${each.python} has no torch: ${each.reason}`)
  const torch = found[0] && (await torchSteps(found[0].path, { workload, ranks, steps, threads }))
  return { ranks, cores, one, several, torch }
}

async function torchSteps(
  python: string,
  { workload, ranks, steps, threads }: Pick<ScalingRequest, 'workload' | 'ranks' | 'steps'> & { threads: string },
): Promise<Torch> {
  const { shape, batchSize } = workload
  const folder = mkdtempSync(join(tmpdir(), 'sadaan-ddp-'))
  try {
    const parameters = ['--channels', shape.channels.join(','), '--features', `${featuresOf(shape)}`]
    parameters.push('--structures', `${shape.structures}`, '--size', shape.size.join(','), '--batch', `${batchSize}`)
    parameters.push('--steps', `${steps}`, '--threads', threads)
    const all = Array.from({ length: ranks }, (_, rank) =>
      pythonJson<Torch>(python, [DDP, ORACLE, `${rank}`, `${ranks}`, join(folder, 'store'), ...parameters]),
    )
    const [first, ...others] = await Promise.all(all)
    const slowest = (of: (each: Torch) => number): number => Math.max(...[first!, ...others].map(of))
    return {
      torch: first!.torch,
      apart_s: slowest(each => each.apart_s),
      together_s: slowest(each => each.together_s),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
