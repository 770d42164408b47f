import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { ensureAdapter } from '../src/gpu/adapter.ts'
import { PACKAGE_ROOT } from '../src/util/package_root.ts'
import { BUILT } from './cli/program.ts'

/** Runs once before all test files: without an adapter no test may pass, so this fails where none can be had. */
export default async function setup(): Promise<void> {
  const { name } = await ensureAdapter(line => console.log(line))
  console.log(`Tests run on ${name}`)
  build()
}

function build(): void {
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json')
  const words = ['-p', join(PACKAGE_ROOT, 'tsconfig.build.json'), '--outDir', BUILT]
  execFileSync(process.execPath, [join(dirname(typescript), 'bin/tsc'), ...words], { stdio: 'inherit' })
}
