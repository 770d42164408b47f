import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PICTURES, pictureSteps } from '../../src/track/picture_history.ts'
import { RunDirectory } from '../../src/track/run_directory.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { request } from './request.ts'

test('pictures of earlier steps stay, the more sparsely the more there are', async () => {
  const run = RunDirectory.create(request(temporaryDirectory()))!
  const name = 'predictions_sample_0.png'
  for (let step = 0; step < 120; step++) run.keep({ name, bytes: Buffer.from(`${step}`), step, isHistory: true })
  run.keep({ name: 'training_curves.png', bytes: Buffer.from('curves'), step: 3 })
  await run.finish({ status: 'COMPLETED' })
  const folder = join(run.path, PICTURES, name)
  const steps = pictureSteps(folder)
  expect(steps.length).toBeGreaterThan(20)
  expect(steps.length).toBeLessThanOrEqual(48)
  expect([steps[0], steps.at(-1)]).toEqual([0, 119])
  for (const step of steps) expect(readFileSync(join(folder, `${step}.png`), 'utf8')).toBe(`${step}`)
  expect(readFileSync(join(run.path, name), 'utf8')).toBe('119')
  expect(() => pictureSteps(join(run.path, PICTURES, 'training_curves.png'))).toThrow(/cannot be listed/)
  // what readers of Sacred's records take for artifacts
  expect(JSON.parse(readFileSync(join(run.path, 'run.json'), 'utf8')).artifacts).toEqual([name, 'training_curves.png'])
})
