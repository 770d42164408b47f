import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { Shell } from './shell.ts'

const child = fileURLToPath(new URL('children/nohup.ts', import.meta.url))
const ask = `"${process.execPath}" --import tsx "${child}"`

/** Ways to start a program → whether it is to outlive its terminal. `true` keeps bash from becoming the program. */
const WAYS: Record<string, [script: string, isUnder: boolean]> = {
  plainly: [`${ask}; true`, false],
  'under nohup': [`nohup ${ask}; true`, true],
  'in a script under nohup': [`nohup bash -c '${ask}; true'`, true],
  'in a script that ignores SIGHUP': [`trap '' HUP; ${ask}; true`, true],
  'under nohup, with another shell in between': [`nohup sh -c '${ask}; true'`, true],
}

test.for(Object.entries(WAYS))('a program started %s', async ([, [script, isUnder]], ctx) => {
  if (process.platform === 'win32') ctx.skip('Windows has no nohup')
  const shell = new Shell(temporaryDirectory())
  const { code, stdout, stderr } = await shell.run(script, process.cwd(), { environment: { _: '' } })
  expect(code, stderr).toBe(0)
  expect(stdout).toBe(`${isUnder}`)
})
