// Logs points into the directory given until it is killed, and says on standard output how many are logged.
import { writeSync } from 'node:fs'
import { RunFiles } from '../../../src/track/files.ts'
import { Metrics } from '../../../src/track/metrics.ts'

const metrics = new Metrics(new RunFiles(process.argv[2]!, console.error))
for (let step = 0; ; step++) {
  metrics.log('train.batch.total', 1 / (step + 1), step, Date.now())
  metrics.log('train.learning_rate', 5e-4, step, Date.now())
  if (step % 20 === 19) metrics.fold()
  writeSync(1, `${step}\n`)
}
