import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolders } from '../util/files/folder.ts'
import { namesIn } from '../util/files/lookup.ts'
import { replaceFile } from '../util/files/rename.ts'
import type { RunFiles } from './run_files.ts'

/** Hidden folder of a run with earlier pictures, `NAME/STEP.png`: Sacred's readers would take them for artifacts. */
export const PICTURES = '.pictures'

const MOST = 48 // of each picture; beyond that, every second goes

/** Keeps a picture as it was at a step, however often it is replaced. */
export function keepPicture(files: RunFiles, name: string, step: number, bytes: Uint8Array): void {
  const folder = join(files.directory, PICTURES, name)
  files.attempt(folder, () => {
    makeFolders(folder)
    const partial = join(files.hidden, `${step}.png`)
    writeFileSync(partial, bytes)
    replaceFile(partial, join(folder, `${step}.png`))
    const steps = pictureSteps(folder)
    if (steps.length > MOST)
      for (const [i, each] of steps.entries())
        if (i % 2 === 1 && i < steps.length - 1) rmSync(join(folder, `${each}.png`), { force: true })
  })
}

/** Steps of which a folder holds a picture, ascending. */
export function pictureSteps(folder: string): number[] {
  return namesIn(folder)
    .flatMap(file => /^(\d+)\.png$/.exec(file)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}
