import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { moduleName } from '../../src/gpu/pipelines.ts'
import { placeFolder } from '../../src/gpu/software/placed_folder.ts'
import { userCacheDirectory } from '../../src/util/cache_directory.ts'
import { readText } from '../../src/util/whole_file.ts'
import { linkShader } from '../../src/wgsl/link.ts'
import type { UsedKernel } from './kernels.ts'
import { requireProgram } from './mesa.ts'

const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url))
const PROGRAM = fileURLToPath(new URL('naga.py', import.meta.url))

/** naga has no subgroups in WGSL yet, nor what is built on them. */
const NEEDS_SUBGROUPS = /^enable (?:subgroups|chromium_experimental_subgroup_matrix);/m

export interface NagaReport {
  version: string
  made: number
  /** why, by the kernel's name */
  refusals: ReadonlyMap<string, string>
  /** shaders that it refused because they need subgroups, sorted */
  excused: readonly string[]
}

/** What naga makes of kernels. `environment` lets a process open a Vulkan driver. */
export class Naga {
  private readonly version = /^wgpu==(\S+)/m.exec(readText(REQUIREMENTS))![1]!
  private readonly directory = join(userCacheDirectory(), `wgpu-${this.version}`)

  /** Takes it from PyPI into the user's cache, unless it is there. Throws Error with what is missing. */
  async install(say: (line: string) => void): Promise<void> {
    const isWhole = () => existsSync(join(this.directory, 'wgpu'))
    if (isWhole()) return
    say(`Fetching wgpu ${this.version}, once, into ${this.directory}`)
    requireProgram('python3', 'python3-venv')
    await placeFolder(this.directory, isWhole, async own => {
      const venv = join(own, 'venv')
      execFileSync('python3', ['-m', 'venv', venv], { stdio: 'pipe' })
      const quietly = ['--quiet', '--disable-pip-version-check', '--no-deps']
      execFileSync(join(venv, 'bin/pip'), ['install', ...quietly, '--target', own, '-r', REQUIREMENTS], {
        stdio: 'pipe',
      })
      await rm(venv, { recursive: true })
    })
  }

  async compile(kernels: readonly UsedKernel[], environment: NodeJS.ProcessEnv): Promise<NagaReport> {
    const modules = new Map(kernels.map(({ key }) => [moduleName(key), linkShader(key.shader, key)]))
    const refusals = new Map<string, string>()
    const excused = new Set<string>()
    let made = 0
    for (let left = kernels; left.length > 0; ) {
      const answers = await this.answers(left, modules, environment)
      for (const [i, answer] of answers.entries()) {
        const { name, key } = left[i]!
        const module = moduleName(key)
        if (answer === null) made++
        else if (NEEDS_SUBGROUPS.test(modules.get(module)!)) excused.add(key.shader.split(' ')[0]!)
        else refusals.set(name, answer)
      }
      left = left.slice(answers.length)
    }
    return { version: this.version, made, refusals, excused: [...excused].sort() }
  }

  /** For each kernel null, or why it was refused: of all, or up to the one at which naga aborted. */
  private async answers(
    kernels: readonly UsedKernel[],
    modules: ReadonlyMap<string, string>,
    environment: NodeJS.ProcessEnv,
  ): Promise<(string | null)[]> {
    const env = { ...process.env, ...environment, PYTHONPATH: this.directory }
    const child = spawn('python3', [PROGRAM], { env, stdio: ['pipe', 'pipe', 'pipe'] })
    const complaints: string[] = []
    child.stderr.setEncoding('utf8').on('data', (text: string) => complaints.push(text))
    const pipelines = kernels.map(({ key }) => ({ ...key, module: moduleName(key) }))
    child.stdin.end(JSON.stringify({ modules: Object.fromEntries(modules), pipelines }))
    const answers: (string | null)[] = []
    let isBusy = false
    for await (const line of createInterface({ input: child.stdout })) {
      const said = JSON.parse(line) as string | null
      isBusy = said === 'begin'
      if (!isBusy) answers.push(said)
    }
    const complaint = complaints.join('').trim().split('\n').at(-1)!
    if (isBusy) return [...answers, `naga aborts: ${complaint}`]
    if (answers.length < kernels.length) throw new Error(`naga.py: ${complaint || 'ends early'}`)
    return answers
  }
}
