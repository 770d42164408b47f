import { parentPort } from 'node:worker_threads'
import { InputError } from '../../util/error.ts'
import { loadHdf5 } from '../hdf5/library.ts'
import { SampleDecoder } from './decoder.ts'
import type { DecodeReply, DecodeRequest } from './decoder_thread.ts'

const port = parentPort!
const samples = new SampleDecoder()
/** bytes of the heap once a sample of the newest file had been decoded; WebAssembly memory never shrinks */
let baseline = 0

// Any error but InputError stays uncaught: it ends this thread, and the owner starts another.
port.on('message', async ({ id, job }: DecodeRequest) => {
  const { module } = await loadHdf5()
  const { opened } = samples
  const reply: DecodeReply = { id, heapExcess: 0 }
  try {
    if (job) await samples.decode(job)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    reply.error = error.message
  }
  const heapBytes = module.HEAPU8.byteLength
  if (samples.opened !== opened) baseline = heapBytes
  reply.heapExcess = heapBytes - 2 * baseline
  port.postMessage(reply)
})
