import { readdirSync, rmdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { makeFolder } from './files/folder.ts'

/**
 * Creates the folder for a command's results and runs `body`. If `body` throws, folders created here are removed again unless they have
 * content. Throws as makeFolder does if the folder cannot be created.
 */
export async function withOutputFolder<T>(folder: string, body: () => Promise<T>): Promise<T> {
  const made = makeFolder(folder, 'a folder for the results')
  try {
    return await body()
  } catch (error) {
    if (made !== undefined) removeEmpty(resolve(folder), resolve(made))
    throw error
  }
}

function removeEmpty(folder: string, uppermost: string): void {
  for (let at = folder; at.startsWith(uppermost); at = dirname(at)) {
    if (readdirSync(at).length) return
    rmdirSync(at)
  }
}
