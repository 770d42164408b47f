import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Launcher, launchers } from './mpirun.ts'

const words = (text: string): string[] => text.split(' ')
const ip = (text: string): string =>
  execFileSync('ip', words(text), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

const CARRIER_MS = 10_000

/** Two network namespaces of this machine with a cable between them: to MPI they are hosts. */
export class Hosts {
  private readonly names: readonly [string, string]

  private constructor(names: readonly [string, string]) {
    this.names = names
  }

  /** Throws where the system forbids namespaces. */
  static make(): Hosts {
    const names = [`sadaan-a-${process.pid}`, `sadaan-b-${process.pid}`] as const
    const hosts = new Hosts(names)
    try {
      for (const name of names) ip(`netns add ${name}`)
      ip(`-n ${names[0]} link add cable type veth peer name cable netns ${names[1]}`)
      for (const [i, name] of names.entries()) {
        ip(`-n ${name} address add 10.231.77.${i + 1}/24 dev cable`)
        for (const device of ['lo', 'cable']) ip(`-n ${name} link set ${device} up`)
      }
      hosts.waitForCarrier()
      return hosts
    } catch (error) {
      hosts.remove()
      throw error
    }
  }

  /** A new cable works a moment after it is up; until then it is no device to MPI. */
  private waitForCarrier(): void {
    const end = performance.now() + CARRIER_MS
    for (const name of this.names)
      while (!/state UP/.test(ip(`-n ${name} link show cable`)) && performance.now() < end)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
  }

  /** Takes the cable off. */
  unplug(): void {
    ip(`-n ${this.names[0]} link set cable down`)
  }

  plug(): void {
    ip(`-n ${this.names[0]} link set cable up`)
  }

  /** Has MPICH use the cable, though its ranks are on one machine. */
  get environment(): NodeJS.ProcessEnv {
    return { MPIR_CVAR_NOLOCAL: '1', UCX_TLS: 'tcp', UCX_NET_DEVICES: 'cable' }
  }

  /** A program that runs its arguments on the host of its rank. */
  entry(folder: string): string {
    const path = join(folder, 'on_own_host.sh')
    const [first, second] = this.names
    const name = `$([ "$PMI_RANK" = 0 ] && echo ${first} || echo ${second})`
    writeFileSync(path, `#!/bin/sh\nexec ip netns exec "${name}" "$@"\n`, { mode: 0o755 })
    return path
  }

  remove(): void {
    for (const name of this.names)
      try {
        ip(`netns delete ${name}`)
      } catch {} // was never made
  }
}

/** MPICH's launcher talks to its ranks through pipes, so they need no network but that of the test. */
export const launcher: Launcher = launchers.find(({ name }) => name === 'MPICH')!

/** Why tests of hosts are skipped; undefined if they can run. */
export const missing: string | undefined = launcher.missing ?? whyNoHosts()

function whyNoHosts(): string | undefined {
  try {
    Hosts.make().remove()
    return undefined
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string }
    return `no network namespaces: ${stderr?.trim() || message}`
  }
}
