import { parentPort } from 'node:worker_threads'
import type { Answer, Call } from '../../util/calls.ts'
import { type ExaminationRequest, type ExaminedSample, SampleExaminer } from './sample_examiner.ts'

const port = parentPort!
const examiner = new SampleExaminer()

port.on('message', async ({ id, request }: Call<ExaminationRequest>) => {
  const answer = await examiner.examine(request).then(
    (result): Answer<ExaminedSample> => ({ id, result }),
    (error: Error): Answer<ExaminedSample> => ({ id, error: error.message }),
  )
  port.postMessage(answer)
})
