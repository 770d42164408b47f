import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { PACKAGE_ROOT } from '../../src/util/package_root.ts'

/** What a script left on its streams; `output` is both, as they came. */
export interface Ran {
  code: number | string
  stdout: string
  stderr: string
  output: string
}

/** Runs what a reader types: `sadaan-gpu` is the program of this checkout, run by this node. */
export class Shell {
  readonly folder: string

  /** `folder` gets the commands that stand in front of all others in PATH. */
  constructor(folder: string) {
    this.folder = folder
    mkdirSync(folder, { recursive: true })
    const tsx = createRequire(join(PACKAGE_ROOT, 'package.json')).resolve('tsx')
    this.install('sadaan-gpu', `exec "${process.execPath}" --import "${tsx}" "${PACKAGE_ROOT}/cli/main.ts" "$@"`)
  }

  /** Adds a command: a script for sh. */
  install(name: string, script: string): void {
    const path = join(this.folder, name)
    writeFileSync(path, `#!/bin/sh\n${script}\n`)
    chmodSync(path, 0o755)
  }

  /** Runs a script in bash, which ends with its first failing command or after `seconds`. */
  run(script: string, cwd: string, more: { environment?: NodeJS.ProcessEnv; seconds?: number } = {}): Promise<Ran> {
    const PATH = [this.folder, process.env.PATH].join(delimiter)
    return new Promise(resolve => {
      const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
        cwd,
        env: { ...process.env, NODE_OPTIONS: '', PATH, ...more.environment },
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: (more.seconds ?? 180) * 1000,
      })
      const said = { stdout: '', stderr: '', output: '' }
      for (const name of ['stdout', 'stderr'] as const)
        child[name].setEncoding('utf8').on('data', (text: string) => {
          said[name] += text
          said.output += text
        })
      child.on('close', (code, signal) => resolve({ code: code ?? signal ?? 'none', ...said }))
    })
  }
}
