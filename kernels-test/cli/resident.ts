import { fork } from 'node:child_process'
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

/**
 * Starts the program once for a test run: all its commands run in one process, one after another, and take no signals. Returns what
 * ends it.
 */
export async function startResident(): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'sadaan-resident-'))
  const socket = join(folder, 'socket')
  const child = fork(childAt('resident.ts'), [socket], { execArgv: ['--import', 'tsx'] })
  await once(child, 'message')
  process.env[SOCKET] = socket
  return () => {
    child.disconnect()
    rmSync(folder, { recursive: true })
  }
}

/** Has the resident program run a command. */
export async function runResident(words: readonly string[], cwd: string, env: NodeJS.ProcessEnv) {
  const socket = connect(process.env[SOCKET]!)
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
