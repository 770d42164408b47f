import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { printable } from '../../src/util/listing.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { hostileDatasets } from './hostile_datasets.ts'
import { hostileModels } from './hostile_models.ts'
import { hostileScans } from './hostile_scans.ts'
import { ProgramApart } from './program_apart.ts'

const LONGEST = 10_000 // ms
const MOST_BYTES = 1e9
const LONGEST_LINE = 700 // characters

const root = temporaryDirectory()
const program = new ProgramApart(LONGEST)
afterAll(() => program.end())

const cases = [...hostileModels, ...hostileScans, ...(await hostileDatasets(root))]

// named pipes and devices are as on Unix
test.skipIf(process.platform === 'win32').each(cases)(
  '$name: one line, in time, in bounds',
  async ({ name, make, ends }) => {
    const folder = join(root, 'cases', String(cases.findIndex(hostile => hostile.name === name)))
    mkdirSync(folder, { recursive: true })
    const words = make(folder)
    await program.started()
    const { code, stdout, stderr, peak } = await program.run(words, folder)
    const said = `${stdout}${stderr}`
    expect(peak, said).toBeLessThan(MOST_BYTES)
    expect(existsSync(join(folder, 'RUN'))).toBe(false)
    expect(said).toBe(said.split('\n').map(printable).join('\n'))
    if (ends === 'either' && code === 0) return
    const isFinding = words[0] === 'validate' && code === 1
    if (isFinding) return
    expect(code, said).toBe(2)
    const lines = stderr
      .trimEnd()
      .split('\n')
      .filter(line => line.startsWith('sadaan-gpu: '))
    expect(lines, said).toHaveLength(1)
    expect(lines[0]).toContain(words[0] === 'predict' ? 'none.pth' : folder)
    expect(lines[0]!.length, lines[0]).toBeLessThan(LONGEST_LINE)
  },
)
