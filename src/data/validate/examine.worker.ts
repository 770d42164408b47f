import { parentPort } from 'node:worker_threads'
import type { Answer, Call } from '../../util/calls.ts'
import { SampleExaminer, type SampleFacts, type SampleRequest } from './sample_examiner.ts'

const port = parentPort!
const examiner = new SampleExaminer()

port.on('message', async ({ id, request }: Call<SampleRequest>) => {
  const answer = await examiner.examine(request).then(
    (result): Answer<SampleFacts> => ({ id, result }),
    (error: Error): Answer<SampleFacts> => ({ id, error: error.message }),
  )
  port.postMessage(answer)
})
