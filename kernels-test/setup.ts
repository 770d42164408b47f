import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { ensureAdapter } from '../src/gpu/adapter.ts'
import { PACKAGE_ROOT } from '../src/util/package_root.ts'
import { BUILT } from './cli/program.ts'
import { startResident } from './cli/resident.ts'
import { testFiles } from './test_files.ts'

/** Runs once before all test files: without an adapter no test may pass, so this fails where none can be had. */
export default async function setup({ vitest }: TestProject): Promise<() => void> {
  const { name } = await ensureAdapter(line => console.log(line))
  const asked = process.env.SADAAN_ADAPTER
  console.log(`Tests run on ${asked === undefined ? name : `${asked}, which SADAAN_ADAPTER names`}`)
  build()
  const endResident = await startResident()
  return () => {
    endResident()
    if (vitest.projects.every(project => project.name === 'quick')) tellWhatWasLeft()
  }
}

function tellWhatWasLeft(): void {
  const lines = testFiles.filter(({ left }) => left).map(({ path, left }) => `  ${path}: ${left}`)
  console.log(`${lines.length} of ${testFiles.length} test files are left to npm run test:full:\n${lines.join('\n')}`)
}

function build(): void {
  const typescript = typescriptPackage()
  if (typescript === undefined) {
    console.log('TypeScript is not installed, so nothing is built: tests that start the program fail')
    return
  }
  const words = ['-p', join(PACKAGE_ROOT, 'tsconfig.build.json'), '--outDir', BUILT]
  execFileSync(process.execPath, [join(dirname(typescript), 'bin/tsc'), ...words], { stdio: 'inherit' })
}

/** Undefined where only what measures was copied to: a host with a GPU. */
function typescriptPackage(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve('typescript/package.json')
  } catch {
    return undefined
  }
}
