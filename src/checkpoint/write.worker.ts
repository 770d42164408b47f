import { parentPort } from 'node:worker_threads'
import { encodeCheckpoint } from './checkpoint.ts'
import { WriteError, writeAtomically } from './file.ts'
import type { WriteJob, WriteReply } from './writing_thread.ts'

const port = parentPort!

// Anything but a WriteError is left uncaught: it ends this thread, and the owner says so.
port.on('message', ({ id, checkpoint, paths }: WriteJob) => {
  const reply: WriteReply = { id }
  try {
    const pieces = encodeCheckpoint(checkpoint)
    for (const path of paths) writeAtomically(path, pieces)
  } catch (error) {
    if (!(error instanceof WriteError)) throw error
    reply.error = error.message
  }
  port.postMessage(reply)
})
