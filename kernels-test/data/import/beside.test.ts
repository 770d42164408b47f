import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { importScans } from '../../../src/data/import/import.ts'
import { GENERATE_DEFAULTS, generateDataset } from '../../../src/data/synthetic/generate.ts'
import { run } from '../../cli/command.ts'
import { temporaryDirectory } from '../small_dataset.ts'
import { folders } from './input.ts'

/* What import and generate do with files beside those of their dataset. */

const root = temporaryDirectory()
const tiny = {
  ...GENERATE_DEFAULTS,
  imageSize: [16, 16, 16] as [number, number, number],
  totalSamples: 6,
  testSplit: 0,
}
const generated = join(root, 'generated')
const imported = { ...folders(join(root, 'scans'), 3), overwrite: false }
const OURS = ['hashes.json', 'metadata.json', 'train.h5', 'val.h5']

const cases = [
  ['generate', generated, () => generateDataset({ ...tiny, outputDir: generated })],
  ['import', imported.outputDir, () => importScans(imported)],
] as const

test.each(cases)('%s refuses to delete a test split that somebody put beside its dataset', async (_, folder, write) => {
  await write()
  const added = join(folder, 'test.h5')
  writeFileSync(added, 'mine')
  await expect(write()).rejects.toThrow(
    /holds another dataset \(its metadata\.json knows no test\.h5\): .*, test\.h5; choose another folder/,
  )
  expect(readFileSync(added, 'utf8')).toBe('mine')
  unlinkSync(added)
  await write()
})

test.each(cases)(
  '%s removes what a killed one left half written, and nothing of a running one',
  async (_, folder, write) => {
    await write()
    const gone = spawnSync(process.execPath, ['-e', '']).pid
    const names = [...OURS, 'test.h5', '.metadata.json.next']
    const running = `.train.h5.${process.ppid}.tmp`
    for (const name of [...names.map(name => `.${name}.${gone}.tmp`), running])
      writeFileSync(join(folder, name), 'half')
    await write()
    expect(readdirSync(folder).sort()).toEqual([...OURS, running].sort())
  },
)

test('the commands: another dataset is exit code 2 and one line, the same one and --overwrite are 0', async () => {
  const out = join(root, 'commanded')
  const generating = ['generate', '--image-size', '16,16,16', '--total-samples', '12', '--output-dir', out]
  const { images, labels } = folders(join(root, 'commanded scans'), 3).sources[0]!
  const importing = ['import', '--images', images, '--labels', labels!, '--image-size', '16,32,16', '--output-dir', out]
  const codeOf = async (words: readonly string[]): Promise<number | null> => (await run([...words], root)).code
  expect([await codeOf(generating), await codeOf(generating)]).toEqual([0, 0])
  const refused = await run(importing, root)
  expect(refused).toMatchObject({ code: 2, stdout: '' })
  expect(refused.stderr).toBe(
    `sadaan-gpu: ${out}: holds another dataset (source is "synthetic", expected "import"): metadata.json, hashes.json, train.h5, val.h5, test.h5; choose another folder, or replace these files with import --overwrite\n`,
  )
  expect(await codeOf([...importing, '--overwrite'])).toBe(0)
  expect(existsSync(join(out, 'test.h5'))).toBe(false)
  expect([await codeOf(importing), await codeOf(generating)]).toEqual([0, 2])
  expect(await codeOf([...generating, '--overwrite'])).toBe(0)
})
