import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../../src/util/error.ts'
import { RandomStream } from '../../../src/util/random.ts'
import { digestOfValue } from '../digest.ts'
import { formatsIn } from '../formats.ts'
import type { Fuzzed } from '../fuzzed.ts'
import { forgetPeak, peakOf } from '../program_apart.ts'

/*
 * Reads damaged inputs of one format, from one on, and tells what became of each. A process of its own, since a reader may hang in a loop
 * or fill the memory.
 */

const [, , folder, seed] = process.argv
const formats = await formatsIn(join(folder!, 'originals'))
const tell = (message: Fuzzed | 'done' | [name: string, inputs: number][]): void => void process.send!(message)

process.on('message', async ({ name, from }: { name: string; from: number }) => {
  const operation = formats.findIndex(format => format.name === name)
  const { inputs, isSealed, write, read } = formats[operation]!
  const place = join(folder!, String(operation))
  mkdirSync(place, { recursive: true })
  write(place)
  const original = digestOfValue(await read(place)) // a reader that refuses it ends the process
  for (let input = from; input < inputs; input++) {
    write(place, new RandomStream({ seed: Number(seed), operation, sample: input }))
    forgetPeak(process.pid)
    let outcome: Pick<Fuzzed, 'end' | 'message'>
    try {
      const isOther = digestOfValue(await read(place)) !== original
      outcome = { end: isSealed && isOther ? 'decodes otherwise' : 'accepted', message: '' }
    } catch (error) {
      outcome = { end: error instanceof InputError ? 'refused' : 'crashed', message: textOf(error) }
    }
    tell({ name, input, ...outcome, place, peak: peakOf(process.pid) })
  }
  tell('done')
})
tell(formats.map(({ name, inputs }) => [name, inputs]))

function textOf(error: unknown): string {
  if (error instanceof InputError) return error.message
  return error instanceof Error ? `${error.stack}` : String(error)
}
