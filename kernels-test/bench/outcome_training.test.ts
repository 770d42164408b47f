// full: trains a model
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { OutcomeReport } from '../../bench/outcome/report.ts'
import { adapter, bench } from './bench.ts'
import { writeLabelledScans } from './labelled_scans.ts'

const root = mkdtempSync(join(tmpdir(), 'sadaan-outcome-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const data = join(root, 'data')
const output = join(root, 'outcome')
const words = [
  ...['outcome', '--json', '--data', data, '--output-dir', output, '--folds', '2', '--minutes', '0.2'],
  ...['--only', 'ours,monai', '--python', join(root, 'no-python'), '--curve-scans', '2', '--curve-points', '2'],
  ...['--spacing', '1.5', '--predict', `all=${join(data, 'imagesTr')}`, 'with', 'training.num_epochs=2'],
  ...['training.batch_size=2', 'model.channels=[2,4,4,8,8]'],
  ...(adapter === undefined ? [] : [`compute.adapter='${adapter}'`]),
]

test('ours trains and is scored on what it has not seen, once; a tool that is not there is skipped and said', async () => {
  writeLabelledScans(data, 6)
  const { outcomes, missing } = await bench<OutcomeReport>(...words)
  expect(missing).toMatchObject([{ tool: 'monai', reason: expect.stringMatching(/ENOENT.*--python$/) }])
  const [ours] = outcomes
  expect(ours).toMatchObject({ tool: 'ours', fold: 0, seed: 42, epochs: 2, samples_per_s: expect.any(Number) })
  expect(Object.keys(ours!.structures)).toEqual(['back', 'front'])
  expect(new Set(ours!.cases.map(({ scan }) => scan)).size).toBe(3)
  expect(ours!.curve).toHaveLength(2)
  expect(ours!.curve[1]!.seconds).toBeGreaterThan(ours!.curve[0]!.seconds)
  expect(ours!.curve.at(-1)!.seconds).toBeLessThanOrEqual(ours!.seconds)
  const [folder] = readdirSync(join(output, 'fold_0')).filter(name => name.startsWith('ours_42_'))
  expect(readdirSync(join(output, 'fold_0', folder!, 'all'))).toContain('presence.json')
  const journal = readFileSync(join(output, 'journal.jsonl'), 'utf8')
  const again = await bench<OutcomeReport>(...words)
  expect(again.outcomes).toEqual(outcomes)
  expect(readFileSync(join(output, 'journal.jsonl'), 'utf8')).toBe(journal)
  const longer = words.map(word => (word === '0.2' ? '0.3' : word))
  await expect(bench(...longer)).rejects.toThrow(/"minutes":0.2.*expected.*or choose another --output-dir/)
})
