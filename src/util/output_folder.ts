import { rmdirSync } from 'node:fs'
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
    try {
      rmdirSync(at)
    } catch {
      return // it has content; the error that ended the command is the one to tell
    }
  }
}
