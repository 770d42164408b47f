import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type JsonObject, sortedJson } from '../../src/config/json.ts'
import { TERMS } from '../../src/run/batch_result.ts'
import { RunDirectory } from '../../src/track/run_directory.ts'
import { RunRecord } from '../../src/track/run_record.ts'
import { sacredTime } from '../../src/track/time.ts'
import { readText } from '../../src/util/whole_file.ts'
import { logStep, requestIn } from '../record.ts'

const EPOCHS = 100
const STRUCTURES = 13
const MINUTES = 60_000 // ms

/** Records of ended runs in a folder: one is logged as a training logs it, the others are its copies with another start, seed and learning rate. */
export async function makeRuns(base: string, runs: number, points: number): Promise<void> {
  const first = RunDirectory.create(requestIn(base))!
  const logged = new RunRecord(first.id, [first])
  for (let step = 0; step < Math.ceil(points / TERMS.length); step++) logStep(logged, step)
  for (let epoch = 0; epoch < EPOCHS; epoch++) logEpoch(logged, epoch)
  await logged.finish({ status: 'COMPLETED' })
  const record = JSON.parse(readText(join(first.path, 'run.json'))) as JsonObject
  const config = JSON.parse(readText(join(first.path, 'config.json'))) as { seed: number; training: JsonObject }
  const start = Date.now()
  for (let i = 1; i < runs; i++) {
    const path = join(base, String(first.id + i))
    cpSync(first.path, path, { recursive: true })
    const started = start - i * 90 * MINUTES
    const times = { start_time: sacredTime(started), stop_time: sacredTime(started + 60 * MINUTES) }
    writeFileSync(join(path, 'run.json'), sortedJson({ ...record, ...times, heartbeat: times.stop_time }))
    const training = { ...config.training, learning_rate: 1e-4 * (1 + (i % 20)) }
    writeFileSync(join(path, 'config.json'), sortedJson({ ...config, seed: i, training }))
  }
}

function logEpoch(record: RunRecord, epoch: number): void {
  for (const part of ['train', 'val'])
    for (const term of ['total_loss', 'presence_accuracy', 'mean_dice', 'hard_dice'])
      record.log(`${part}.epoch.${term}`, 1 / (epoch + 2), epoch)
  for (let s = 0; s < STRUCTURES; s++) record.log(`val.dice.structure_${s}`, epoch / EPOCHS, epoch)
}
