import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface TestFile {
  /** from the root of the repository */
  path: string
  /** why `npm test` leaves the file to `npm run test:full`, as its first line says: `// full: REASON` */
  left: string | undefined
}

/** Every test file. */
export const testFiles: readonly TestFile[] = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.test.ts'))
  .sort()
  .map(name => ({
    path: `kernels-test/${name.replaceAll('\\', '/')}`,
    left: /^\/\/ full: (.+)\n/.exec(readFileSync(join(import.meta.dirname, name), 'utf8'))?.[1],
  }))
