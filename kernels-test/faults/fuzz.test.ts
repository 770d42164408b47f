import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { type Fuzzed, Fuzzer } from './fuzzed.ts'

const SEED = 12
const MOST_BYTES = 1e9
const NOT_LINUX = 'peaks of memory are read as on Linux'
const LONGEST_LINE = 600 // characters

const folder = temporaryDirectory()
const fuzzer = process.platform === 'linux' ? await Fuzzer.start(join(folder, 'fuzz'), SEED) : undefined
afterAll(() => fuzzer?.end())

/** What is wrong with how an input ended; undefined if nothing is. */
function complaintAt({ name, input, end, message, place, peak }: Fuzzed): string | undefined {
  const which = `${name}, input ${input} of seed ${SEED}`
  if (end !== 'accepted' && end !== 'refused') return `${which} ${end}: ${message.slice(0, LONGEST_LINE)}`
  if (peak > MOST_BYTES) return `${which} takes ${Math.round(peak / 1e6)} MB`
  if (end === 'accepted') return undefined
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be printed
  if (/[\u0000-\u001f\u007f]/.test(message)) return `${which}: not one plain line: ${JSON.stringify(message)}`
  if (message.length > LONGEST_LINE) return `${which}: ${message.length} characters: ${message.slice(0, 200)}`
  return message.includes(place) ? undefined : `${which} names no path: ${message}`
}

const names = [...(fuzzer?.formats.keys() ?? ['every format'])]

test.for(names)('%s: a damaged file is refused with one line, or decodes as it should', async (name, { skip }) => {
  if (!fuzzer) return skip(NOT_LINUX)
  const all = await fuzzer.all(name)
  const accepted = all.filter(({ end }) => end === 'accepted').length
  console.log(`${name}: ${accepted} of ${all.length} accepted`)
  expect(all).toHaveLength(fuzzer.formats.get(name)!)
  expect(all.flatMap(input => complaintAt(input) ?? []).join('\n')).toBe('')
})

test('these are 2,600 inputs', ({ skip }) => {
  if (!fuzzer) return skip(NOT_LINUX)
  expect([...fuzzer.formats.values()].reduce((sum, inputs) => sum + inputs, 0)).toBe(2600)
})
