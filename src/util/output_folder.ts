import { mkdirSync, readdirSync, rmdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { InputError, messageOf } from './error.ts'

/**
 * Creates the folder for a command's results and runs `body`. If `body` throws, folders created here are removed again unless they have
 * content. Throws InputError if the folder cannot be created.
 */
export async function withOutputFolder<T>(folder: string, body: () => Promise<T>): Promise<T> {
  const made = make(folder)
  try {
    return await body()
  } catch (error) {
    if (made !== undefined) removeEmpty(resolve(folder), resolve(made))
    throw error
  }
}

/** Returns the uppermost folder that had to be created. */
function make(folder: string): string | undefined {
  try {
    return mkdirSync(folder, { recursive: true })
  } catch (error) {
    throw new InputError(`${folder}: cannot create a folder for the results (${messageOf(error)})`)
  }
}

function removeEmpty(folder: string, uppermost: string): void {
  for (let at = folder; at.startsWith(uppermost); at = dirname(at)) {
    if (readdirSync(at).length) return
    rmdirSync(at)
  }
}
