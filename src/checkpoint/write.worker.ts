import { parentPort } from 'node:worker_threads'
import type { Answer, Call } from '../util/calls.ts'
import { WriteError } from '../util/whole_file.ts'
import { writeCopies } from './checkpoint.ts'
import type { WriteJob } from './writing_thread.ts'

const port = parentPort!

// Anything but a WriteError is left uncaught: it ends this thread, and the owner says so.
port.on('message', ({ id, request: { checkpoint, paths } }: Call<WriteJob>) => {
  let answer: Answer<undefined> = { id, result: undefined }
  try {
    writeCopies(paths, checkpoint)
  } catch (error) {
    if (!(error instanceof WriteError)) throw error
    answer = { id, error: error.message }
  }
  port.postMessage(answer)
})
