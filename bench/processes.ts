import { spawn } from 'node:child_process'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A child process that failed: what it was and the last line it said. */
export class ChildError extends Error {
  override name = 'ChildError'
}

/** Runs a program and parses the last line of its output as JSON. Throws ChildError when it fails or says something else. */
export async function jsonOf<T>(program: string, parameters: readonly string[], environment = process.env): Promise<T> {
  const child = spawn(program, parameters, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  const output: Buffer[] = []
  const complaints: Buffer[] = []
  child.stdout.on('data', (data: Buffer) => output.push(data))
  child.stderr.on('data', (data: Buffer) => complaints.push(data))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', error => reject(new ChildError(`${program}: ${error.message}`)))
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

/** The node that runs this, with a script of ours: by tsx where this is source, as it is where it is built. */
function nodeParameters(script: string): string[] {
  const isSource = import.meta.url.endsWith('.ts')
  const path = join(fileURLToPath(new URL('..', import.meta.url)), isSource ? script : script.replace(/\.ts$/, '.js'))
  return isSource ? ['--import', import.meta.resolve('tsx'), path] : [path]
}

/** Runs a script of this package in a process of its own, so that its memory is its own too. */
export function ourJson<T>(script: string, parameters: readonly string[]): Promise<T> {
  return jsonOf<T>(process.execPath, [...nodeParameters(script), ...parameters])
}

/** A python sees none of the libraries that this process may have been started with. */
export function pythonJson<T>(python: string, parameters: readonly string[]): Promise<T> {
  const { LD_LIBRARY_PATH: _, ...environment } = process.env
  return jsonOf<T>(python, parameters, environment)
}
