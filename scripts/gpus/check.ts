// npm run check:gpus: compiles every kernel of a model for AMD's GPUs and with naga; neither needs a GPU. Prints a table, and fails on a refusal, on a
// spill where the rules choose the kernel, and where fewer waves fit a SIMD than occupancy.json records.
//   npm run check:gpus [-- --record] [FAMILY...]   --record writes occupancy.json anew
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { GUARANTEED_FACTS } from '../../src/graph/kernel.ts'
import { InputError, messageOf } from '../../src/util/error.ts'
import { codeOf } from '../../src/util/files/reason.ts'
import { allKernels, compileFor, FAMILIES, type Family, type FamilyReport } from './amd.ts'
import { usedKernels } from './kernels.ts'
import { Mesa } from './mesa.ts'
import { Naga } from './naga.ts'
import { faultsOf, losses, occupancyOf, recordedOccupancy, recordOccupancy } from './occupancy.ts'
import { occupancyTable } from './table.ts'

/** Compilers that run at the same time. */
const TOGETHER = 2

const say = (line: string): void => console.log(line)

function familiesIn(words: readonly string[]): Family[] {
  const known = Object.keys(FAMILIES) as Family[]
  const unknown = words.find(word => !known.includes(word as Family))
  if (unknown !== undefined) throw new InputError(`family ${unknown}: expected one of ${known.join(', ')}`)
  return words.length > 0 ? known.filter(family => words.includes(family)) : known
}

async function compileAll(families: readonly Family[], mesa: Mesa, folder: string): Promise<FamilyReport[]> {
  const environment = mesa.compiling(folder)
  const reports = new Map<Family, FamilyReport>()
  const left = [...families]
  const work = async (): Promise<void> => {
    for (let family = left.shift(); family; family = left.shift())
      reports.set(family, await compileFor(family, environment, folder))
  }
  await Promise.all(Array.from({ length: TOGETHER }, work))
  return families.map(family => reports.get(family)!)
}

/** Lines that say what is wrong; none if nothing is. */
async function check(families: readonly Family[], isRecording: boolean, folder: string): Promise<string[]> {
  const mesa = new Mesa()
  const naga = new Naga()
  await mesa.install(say)
  await naga.install(say)
  const reports = await compileAll(families, mesa, folder)
  const found = occupancyOf(reports)
  for (const { family, kernels } of reports)
    say(
      `${family}: ${kernels.length} kernels, ${kernels.filter(each => each.isChosen).length} of them chosen by the rules`,
    )
  say(occupancyTable(reports))
  const software = await usedKernels({ ...GUARANTEED_FACTS, software: true })
  const kernels = [...new Map([...(await allKernels()), ...software].map(each => [each.name, each])).values()]
  const { version, made, refusals, excused } = await naga.compile(kernels, mesa.lavapipe)
  say(
    `naga (wgpu ${version}): ${made} of ${kernels.length} kernels; without subgroups it has to refuse ${excused.join(', ')}`,
  )
  if (isRecording) recordOccupancy(found)
  return [
    ...reports.flatMap(faultsOf),
    ...losses(found, recordedOccupancy()),
    ...[...refusals].map(([name, why]) => `naga refuses ${name}: ${why}`),
  ]
}

const folder = mkdtempSync(join(tmpdir(), 'sadaan-gpus-'))
try {
  const options = { record: { type: 'boolean', default: false } } as const
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  if (values.record && positionals.length > 0) throw new InputError('--record: expected no families; it takes all')
  const faults = await check(familiesIn(positionals), values.record, folder)
  for (const fault of faults) say(fault)
  process.exitCode = faults.length > 0 ? 1 : 0
} catch (error) {
  const isAboutWords = codeOf(error)?.startsWith('ERR_PARSE_ARGS')
  if (!(error instanceof InputError || isAboutWords)) throw error
  console.error(messageOf(error))
  process.exitCode = 2
} finally {
  rmSync(folder, { recursive: true, force: true })
}
