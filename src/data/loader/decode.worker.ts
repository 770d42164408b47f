import { parentPort } from 'node:worker_threads'
import { InputError } from '../../util/error.ts'
import { loadHdf5 } from '../hdf5/library.ts'
import { SampleDecoder } from './decoder.ts'
import type { DecodeReply, DecodeRequest } from './decoder_thread.ts'

const port = parentPort!
const samples = new SampleDecoder()

// Any error but InputError stays uncaught: it ends this thread, and the owner starts another.
port.on('message', async ({ id, job }: DecodeRequest) => {
  await loadHdf5()
  const reply: DecodeReply = { id }
  try {
    if (job) await samples.decode(job)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    reply.error = error.message
  }
  port.postMessage(reply)
})
