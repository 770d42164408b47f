import { mkdirSync, readdirSync, rmdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { InputError } from './error.ts'

/**
 * Makes the folder of a command's results and runs `body`; when that throws, the folders made here are removed again if nothing is in
 * them. Throws InputError when the folder cannot be made.
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

/** The uppermost folder that had to be made. */
function make(folder: string): string | undefined {
  try {
    return mkdirSync(folder, { recursive: true })
  } catch (error) {
    throw new InputError(`${folder}: cannot be made a folder for the results (${(error as Error).message})`)
  }
}

function removeEmpty(folder: string, uppermost: string): void {
  for (let at = folder; at.startsWith(uppermost); at = dirname(at)) {
    if (readdirSync(at).length) return
    rmdirSync(at)
  }
}
