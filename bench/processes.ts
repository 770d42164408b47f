import { spawn } from 'node:child_process'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A failed child process: its program and its last line of output. */
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
  const lastLine = (of: Buffer[]): string => Buffer.concat(of).toString().trim().split('\n').at(-1) ?? ''
  if (code !== 0) throw new ChildError(`${basename(program)}: ${lastLine(complaints) || `ended with ${code}`}`)
  try {
    return JSON.parse(lastLine(output)) as T
  } catch {
    throw new ChildError(`${basename(program)}: expected JSON, got ${JSON.stringify(lastLine(output).slice(0, 60))}`)
  }
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
