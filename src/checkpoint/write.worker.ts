import { parentPort } from 'node:worker_threads'
import { writeCopies } from './checkpoint.ts'
import { WriteError } from './file.ts'
import type { WriteJob, WriteReply } from './writing_thread.ts'

const port = parentPort!

// Anything but a WriteError is left uncaught: it ends this thread, and the owner says so.
port.on('message', ({ id, checkpoint, paths }: WriteJob) => {
  const reply: WriteReply = { id }
  try {
    writeCopies(paths, checkpoint)
  } catch (error) {
    if (!(error instanceof WriteError)) throw error
    reply.error = error.message
  }
  port.postMessage(reply)
})
