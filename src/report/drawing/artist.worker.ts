import { parentPort } from 'node:worker_threads'
import type { Answer, Call } from '../../util/calls.ts'
import { type Drawing, draw, type Subject } from './drawing.ts'

const port = parentPort!

port.on('message', async ({ id, request }: Call<Subject>) => {
  const answer = await draw(request).then(
    (result): Answer<Drawing> => ({ id, result }),
    (error: Error): Answer<Drawing> => ({ id, error: error.message }),
  )
  port.postMessage(answer)
})
