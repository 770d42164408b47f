import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { normError } from '../numbers.ts'
import { type Golden, openGolden, SMALL } from './golden_file.ts'

const python = process.env.SADAAN_PYTHON
const script = fileURLToPath(new URL('../oracle/make_goldens.py', import.meta.url))
const folder = temporaryDirectory()

/** Another processor may round a float64 sum differently, and then the float32 stored from it. */
const ROUNDING = 1e-6

test('the oracle regenerates small.h5', async ctx => {
  if (!python) return ctx.skip('SADAAN_PYTHON names no python with torch')
  execFileSync(python, [script, folder, 'small'], { env: {} })
  const [committed, made] = [await openGolden(SMALL), await openGolden(join(folder, 'small.h5'))]
  const facts = ({ shape, batch, steps, config }: Golden) => ({ shape, batch, steps, config })
  expect(facts(made)).toStrictEqual(facts(committed))
  expect(made.paths()).toStrictEqual(committed.paths())
  // some true gradients are zero: what is there instead is rounding
  const [norm] = committed.numbers('step0/grad_norm')
  for (const path of committed.paths()) {
    const floor = path.startsWith('step0/grad/') ? 1e-6 * norm! : undefined
    const error = normError(made.numbers(path), committed.numbers(path), floor)
    expect(error, path).toBeLessThanOrEqual(ROUNDING)
  }
})
