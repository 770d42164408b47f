import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** What a program says on standard output. Throws Error with what it complains of, in one line. */
export async function said(
  program: string,
  words: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<string> {
  try {
    const env = { ...process.env, LC_ALL: 'C.UTF-8', ...environment }
    const { stdout } = await promisify(execFile)(program, words, { env, maxBuffer: 2 ** 26 })
    return stdout
  } catch (error) {
    const { code, stderr = '' } = error as { code?: string | number; stderr?: string }
    if (code === 'ENOENT') throw new Error(`${program} is not in PATH`)
    const complaints = stderr.split('\n').filter(line => /^(E|W): |error/.test(line))
    throw new Error(`${program} ${words[0]}: ${complaints.slice(0, 2).join('; ') || `exit code ${code}`}`)
  }
}
