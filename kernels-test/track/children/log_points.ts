import { writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { TERMS } from '../../../src/run/batch_result.ts'
import { Metrics } from '../../../src/track/metrics.ts'
import { RunFiles } from '../../../src/track/run_files.ts'

// Logs points of eight metrics into the given directory until it is killed, and prints how many are logged.

const metrics = new Metrics(new RunFiles(process.argv[2]!, console.error))
let folding = Promise.resolve()
for (let step = 0; ; step++) {
  for (const term of TERMS) metrics.log(`train.batch.${term}`, 1 / (step + 1), step, Date.now())
  await Promise.resolve() // points that are logged together are kept together
  writeSync(1, `${(step + 1) * TERMS.length}\n`)
  // far more often than in training, and half of the time while points arrive
  if (step % 200 === 99) folding = metrics.fold()
  if (step % 20 === 19) await setImmediate()
  if (step % 200 === 199) await folding
}
