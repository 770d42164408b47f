import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Compiled, Sent } from './compile.ts'
import { type UsedKernel, usedKernels } from './kernels.ts'

/** The families that kernels are compiled for, by the names of Mesa. */
export const FAMILIES = {
  polaris10: 'GCN 4',
  vega10: 'GCN 5',
  mi200: 'CDNA 2',
  navi10: 'RDNA 1',
  navi21: 'RDNA 2',
  navi31: 'RDNA 3',
  gfx1201: 'RDNA 4',
} as const
export type Family = keyof typeof FAMILIES

/** What the compiler makes of all kernels for a family. */
export interface FamilyReport {
  family: Family
  kernels: readonly Compiled[]
}

/** Families with equal facts use the same kernels. */
const lists = new Map<string, Promise<UsedKernel[]>>()

/** Compiles in a process of its own: the driver reads the family once. `environment` and `folder` are those of `Mesa.compiling`. */
export async function compileFor(
  family: Family,
  environment: NodeJS.ProcessEnv,
  folder: string,
): Promise<FamilyReport> {
  const child = fork(fileURLToPath(new URL('compile.ts', import.meta.url)), {
    env: { ...process.env, ...environment, RADV_FORCE_FAMILY: family, STATISTICS: join(folder, `${family}.json`) },
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const complaints: string[] = []
  child.stderr!.setEncoding('utf8').on('data', (text: string) => complaints.push(text))
  const ended = once(child, 'exit')
  let kernels: readonly Compiled[] | undefined
  child.on('message', async (sent: Sent) => {
    if ('compiled' in sent) kernels = sent.compiled
    else child.send(await listFor(sent))
  })
  const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null]
  if (!kernels)
    throw new Error(
      `${family}: the compiler ends with ${signal ?? code} before it has compiled all kernels: ${complaints.join('').trim()}`,
    )
  return { family, kernels }
}

function listFor({ facts }: Extract<Sent, { facts: unknown }>): Promise<UsedKernel[]> {
  const key = JSON.stringify({ ...facts, features: [...facts.features].sort() })
  const known = lists.get(key) ?? usedKernels(facts)
  lists.set(key, known)
  return known
}

/** All kernels of all families. */
export async function allKernels(): Promise<UsedKernel[]> {
  return (await Promise.all(lists.values())).flat()
}
