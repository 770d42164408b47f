import { spawn } from 'node:child_process'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A failed child process: its program and what it said last, or what this program said in it. */
export class ChildError extends Error {
  override name = 'ChildError'
}

/** Runs a program and parses its last line of output as JSON. Throws ChildError if it fails or prints anything else. */
export async function jsonOf<T>(program: string, parameters: readonly string[], environment = process.env): Promise<T> {
  const child = spawn(program, parameters, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  const output: Buffer[] = []
  const complaints: Buffer[] = []
  child.stdout.on('data', (data: Buffer) => output.push(data))
  child.stderr.on('data', (data: Buffer) => complaints.push(data))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', error => reject(new ChildError(error.message)))
    child.on('close', resolve)
  })
  if (code !== 0) {
    const lines = linesOf(complaints)
    // mpirun draws frames behind what its ranks say
    const said = lines.findLast(line => OWN.test(line)) ?? lines.findLast(line => /\w/.test(line))
    throw new ChildError(`${basename(program)}: ${said?.replace(OWN, '') ?? `ended with ${code}`}`)
  }
  const last = linesOf(output).at(-1) ?? ''
  try {
    return JSON.parse(last) as T
  } catch {
    throw new ChildError(`${basename(program)}: expected JSON, got ${JSON.stringify(last.slice(0, 60))}`)
  }
}

/** What this program prints ahead of an error. */
const OWN = /^sadaan-gpu: /

function linesOf(output: readonly Buffer[]): string[] {
  return Buffer.concat(output).toString().trim().split('\n')
}

/** Parameters of node that run a script of this package: through tsx from source, directly from a build. */
export function nodeParameters(script: string): string[] {
  const isSource = import.meta.url.endsWith('.ts')
  const path = join(fileURLToPath(new URL('..', import.meta.url)), isSource ? script : script.replace(/\.ts$/, '.js'))
  return isSource ? ['--import', import.meta.resolve('tsx'), path] : [path]
}

/** Runs a script of this package in a separate process, so that its memory can be measured. */
export function ourJson<T>(script: string, parameters: readonly string[]): Promise<T> {
  return jsonOf<T>(process.execPath, [...nodeParameters(script), ...parameters])
}

/** The environment for Python, without the libraries that this process was started with. */
export function pythonEnvironment(): NodeJS.ProcessEnv {
  const { LD_LIBRARY_PATH: _, ...environment } = process.env
  return environment
}

export function pythonJson<T>(python: string, parameters: readonly string[]): Promise<T> {
  return jsonOf<T>(python, parameters, pythonEnvironment())
}
