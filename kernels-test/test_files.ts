import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface TestFile {
  /** from the root of the repository */
  path: string
  /** `npm test`, `npm run test:full` or `npm run test:faults` */
  project: 'quick' | 'full' | 'faults'
  /** why `npm test` leaves the file to `npm run test:full`, as its first line says: `// full: REASON` */
  left: string | undefined
}

/** Every test file; those of the folder `faults` are a project of their own. */
export const testFiles: readonly TestFile[] = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.test.ts'))
  .map(name => name.replaceAll('\\', '/'))
  .sort()
  .map(name => {
    const left = /^\/\/ full: (.+)\n/.exec(readFileSync(join(import.meta.dirname, name), 'utf8'))?.[1]
    const project = name.startsWith('faults/') ? 'faults' : left ? 'full' : 'quick'
    return { path: `kernels-test/${name}`, project, left }
  })
