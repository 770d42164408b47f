import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { openDataset } from '../../src/data/dataset/dataset.ts'
import { run } from '../cli/command.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { contentsOf } from './contents.ts'
import { copied, makeInputs } from './inputs.ts'
import { type Scenario, WRITING } from './sweep.ts'
import { testSweeps } from './sweeps.ts'

const root = temporaryDirectory()
const inputs = await makeInputs(root)

const generate = (folder: string): string[] => [
  ...['generate', '--image-size', '32,16,16', '--total-samples', '4', '--output-dir', join(folder, 'out')],
]
const importing = (folder: string): string[] => [
  ...['import', '--images', join(inputs.scans, 'images'), '--labels', join(inputs.scans, 'labels')],
  ...[
    '--image-size',
    '16,32,16',
    '--validation-split',
    '0.3',
    '--test-split',
    '0.3',
    '--output-dir',
    join(folder, 'out'),
  ],
]
/** What the command makes before any fault, to be made again. */
const older: Record<string, string> = {}
for (const [name, words] of Object.entries({ generate, import: importing })) {
  older[name] = join(root, `older ${name}`)
  const { code, stderr } = await run(words(older[name]), root)
  expect(code, stderr).toBe(0)
}
const dataset = (folder: string) => contentsOf(join(folder, 'out'))

/** A folder that a failed command left opens as the dataset that was to be there, or does not open. */
async function isWholeOrNone(folder: string, expected: string): Promise<string | undefined> {
  const out = join(folder, 'out')
  if (!existsSync(join(out, 'metadata.json'))) return undefined
  const opened = await openDataset(out).catch(() => undefined)
  if (!opened) return undefined
  const got = JSON.stringify(await dataset(folder))
  return got === expected ? undefined : 'leaves a dataset that opens and is not whole'
}

const fresh = (name: 'generate' | 'import', words: (folder: string) => string[]): Scenario => ({
  name,
  prepare: words,
  again: words,
  operations: WRITING,
  result: dataset,
  afterFailure: isWholeOrNone,
})
const renewed = (name: 'generate' | 'import', words: (folder: string) => string[]): Scenario => ({
  ...fresh(name, words),
  name: `${name} again, over its own dataset`,
  prepare: folder => {
    copied(join(older[name]!, 'out'), folder, 'out')
    return words(folder)
  },
})
const hashed = (folder: string): string[] => ['validate', join(folder, 'out'), '--hash']

const scenarios: readonly (readonly [Scenario, number])[] = [
  [fresh('generate', generate), 45],
  [renewed('generate', generate), 30],
  [fresh('import', importing), 45],
  [renewed('import', importing), 30],
  [
    {
      name: 'validate --hash',
      prepare: folder => {
        copied(join(older.generate!, 'out'), folder, 'out')
        rmSync(join(folder, 'out', 'hashes.json'))
        return hashed(folder)
      },
      again: hashed,
      operations: WRITING,
      result: dataset,
    },
    12,
  ],
]

testSweeps(root, scenarios)
