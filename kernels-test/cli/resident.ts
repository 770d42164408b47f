import { type ChildProcess, type ForkOptions, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const childAt = (name: string): string => fileURLToPath(new URL(`children/${name}`, import.meta.url))

/** Where the resident program of this test run listens. */
const SOCKET = 'SADAAN_TEST_SOCKET'

/** A script of sh that has the resident program run its words. */
export function residentScript(): string {
  return `exec "${process.execPath}" "${childAt('client.mjs')}" "${process.env[SOCKET]}" "$@"`
}

export interface Resident {
  child: ChildProcess
  /** where it listens */
  socket: string
  end(): void
}

/** Starts the program in a process of its own: all commands run in it, one after another, and take no signals. */
export async function launchResident(options: ForkOptions = {}): Promise<Resident> {
  const folder = mkdtempSync(join(tmpdir(), 'sadaan-resident-'))
  const socket = join(folder, 'socket')
  const child = fork(childAt('resident.ts'), [socket], { execArgv: ['--import', 'tsx'], ...options })
  await once(child, 'message')
  const end = (): void => {
    if (child.connected) child.disconnect()
    rmSync(folder, { recursive: true })
  }
  return { child, socket, end }
}

/** Starts the program once for a test run. Returns what ends it. */
export async function startResident(): Promise<() => void> {
  const { socket, end } = await launchResident()
  process.env[SOCKET] = socket
  return end
}

/** Has a resident program run a command, the one of this test run unless another is named. */
export async function runResident(
  words: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  at: string = process.env[SOCKET]!,
) {
  const socket = connect(at)
  socket.write(`${JSON.stringify({ words, cwd, env })}\n`)
  const said = { code: null as number | null, stdout: '', stderr: '' }
  for await (const line of createInterface({ input: socket })) {
    const { code = null, stdout = '', stderr = '' } = JSON.parse(line) as Partial<typeof said>
    said.code = code
    said.stdout += stdout
    said.stderr += stderr
  }
  return said
}
