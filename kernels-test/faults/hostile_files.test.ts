import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { printable } from '../../src/util/listing.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { hostileDatasets } from './hostile_datasets.ts'
import { hostileModels } from './hostile_models.ts'
import { hostileScans } from './hostile_scans.ts'
import { type Ended, ProgramApart } from './program_apart.ts'

const LONGEST = 10_000 // ms of processor time
const MOST_BYTES = 0.85e9 // beside what the program itself needs
const LONGEST_LINE = 700 // characters

const root = temporaryDirectory()
const program = new ProgramApart(LONGEST, {}, 2 * MOST_BYTES)
afterAll(() => program.end())

const cases = [...hostileModels, ...hostileScans, ...(await hostileDatasets(root))]

test.for(cases)('$name: one line, in time, in bounds', async ({ name, make, ends }, { skip }) => {
  if (process.platform === 'win32') skip('named pipes and devices are as on Unix')
  const folder = join(root, 'cases', String(cases.findIndex(hostile => hostile.name === name)))
  mkdirSync(folder, { recursive: true })
  const words = make(folder)
  await program.started()
  const ended = await program.run(words, folder)
  expect(existsSync(join(folder, 'RUN')) ? 'it ran a command' : complaintAt(ended, words, folder, ends)).toBe('')
})

/** What is wrong with how a command ended on a hostile file; empty if nothing is. */
function complaintAt({ code, stdout, stderr, grown }: Ended, words: string[], folder: string, ends?: 'either'): string {
  const said = `${stdout}${stderr}`
  if (code === 'hangs' || code === 'died') return `${code}, ${grown / 1e6} MB: ${said.slice(-LONGEST_LINE)}`
  if (grown > MOST_BYTES) return `takes ${grown / 1e6} MB: ${said.slice(-LONGEST_LINE)}`
  const unprintable = said.split('\n').find(line => line !== printable(line))
  if (unprintable !== undefined) return `prints ${JSON.stringify(unprintable)}`
  // validate prints what it finds and ends with 1
  if ((ends === 'either' && code === 0) || (words[0] === 'validate' && code === 1)) return ''
  if (code !== 2) return `ends with ${code}: ${said.slice(-LONGEST_LINE)}`
  const lines = stderr
    .trimEnd()
    .split('\n')
    .filter(line => line.startsWith('sadaan-gpu: '))
  if (lines.length !== 1) return `not one line: ${stderr.slice(-LONGEST_LINE)}`
  if (![folder, 'none.pth', 'image size'].some(what => lines[0]!.includes(what))) return `names no path: ${lines[0]}`
  return lines[0]!.length > LONGEST_LINE ? `${lines[0]!.length} characters: ${lines[0]!.slice(0, 200)}` : ''
}
