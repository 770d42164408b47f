// Makes the requested number of run directories and prints their ids.
import { RunDirectory } from '../../../src/track/run_directory.ts'
import { request } from '../request.ts'

const [base, count] = process.argv.slice(2) as [string, string]
for (let i = 0; i < Number(count); i++) {
  const run = RunDirectory.create(request(base))!
  await run.finish({ status: 'COMPLETED' })
  console.log(run.id)
}
