// node count.mjs CODE [REPORT]: the tests of one vitest run as a line of JSON; CODE is the run's exit code
// node count.mjs sum COUNTS: adds such lines, prints the sum, fails where anything failed or nothing passed
import { existsSync, readFileSync } from 'node:fs'

const [first, file] = process.argv.slice(2)
const read = path => (path && existsSync(path) ? readFileSync(path, 'utf8') : '')

if (first === 'sum') {
  const sum = { passed: 0, failed: 0, skipped: 0 }
  for (const line of read(file).trim().split('\n'))
    for (const [kind, count] of Object.entries(JSON.parse(line))) sum[kind] += count
  console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`)
  process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0
} else {
  const code = Number(first)
  const tests = (JSON.parse(read(file) || '{}').testResults ?? []).flatMap(result => {
    const own = result.assertionResults.map(test => test.status)
    // a file that fails outside its tests
    return result.status === 'failed' && !own.includes('failed') ? [...own, 'failed'] : own
  })
  const passed = tests.filter(status => status === 'passed').length
  const failed = tests.filter(status => status === 'failed').length
  const skipped = tests.length - passed - failed
  console.log(JSON.stringify({ passed, failed: Math.max(failed, file ? Math.min(code, 1) : code), skipped }))
}
