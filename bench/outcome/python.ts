import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../src/util/error.ts'
import { makeFolder } from '../../src/util/files/folder.ts'
import { PACKAGE_ROOT } from '../../src/util/package_root.ts'
import { writeJson } from '../../src/util/whole_file.ts'
import { ChildError, pythonEnvironment, pythonJson } from '../processes.ts'
import { type JobResult, runJob } from './job.ts'

/** A Python that has the packages of a script of this folder. */
export interface PythonScript {
  python: string
  script: string
  /** e.g. "monai 1.6.1, torch 2.13.0" */
  versions: string
  /** whether torch sees a CUDA GPU */
  cuda: boolean
}

/** The first of the Pythons that can run a script; the reasons if none can. Throws InputError without the script. */
export async function findScript(
  name: string,
  pythons: readonly string[],
): Promise<PythonScript | { reasons: readonly string[] }> {
  const script = join(PACKAGE_ROOT, 'bench/outcome', name)
  if (!existsSync(script))
    throw new InputError(`${script}: no such file, expected a clone: the package ships no Python scripts`)
  const reasons: string[] = []
  for (const python of pythons)
    try {
      const found = await pythonJson<Pick<PythonScript, 'versions' | 'cuda'>>(python, ['-W', 'ignore', script, 'check'])
      return { python, script, ...found }
    } catch (error) {
      if (!(error instanceof ChildError)) throw error
      reasons.push(`${python}: ${error.message}`)
    }
  return { reasons }
}

/** Where a script runs. */
export interface ScriptPlace {
  /** for its log and the file with its task */
  folder: string
  stop: AbortSignal
}

/** Runs `python SCRIPT COMMAND TASK.json`. Throws as runJob does. */
export function runScript<T>(
  { python, script }: PythonScript,
  command: string,
  task: object,
  { folder, stop }: ScriptPlace,
): Promise<JobResult<T>> {
  makeFolder(folder, 'a folder for the results')
  const path = join(folder, `${command}.json`)
  writeJson(path, task)
  const parameters = ['-W', 'ignore', script, command, path]
  const log = join(folder, `${command}.log`)
  return runJob<T>({ program: python, parameters, environment: pythonEnvironment(), log, stop })
}
