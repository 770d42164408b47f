import { parentPort, workerData } from 'node:worker_threads'
import { InputError } from '../util/error.ts'
import { Decoder } from './decode.ts'
import type { DecodeJob, DecodeReply, DecoderSetup } from './decoder_thread.ts'

const setup = workerData as DecoderSetup
const port = parentPort!
let decoder: Promise<Decoder> | undefined

// Anything but an InputError is left uncaught: it ends this thread, and the owner starts another.
port.on('message', async (job: DecodeJob) => {
  const reply: DecodeReply = { id: job.id, images: job.images, maskBits: job.maskBits }
  try {
    decoder ??= Decoder.open(setup.path, setup.imageSize)
    fill(await decoder, job)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    reply.error = error.message
  }
  port.postMessage(reply, [job.images, job.maskBits])
})

function fill(decoder: Decoder, job: DecodeJob): void {
  const { imageLength, maskWords } = setup
  const images = new Float32Array(job.images)
  const maskBits = new Uint32Array(job.maskBits)
  for (const [slot, sample] of job.samples.entries())
    decoder.decode(
      sample,
      images.subarray(slot * imageLength, (slot + 1) * imageLength),
      maskBits.subarray(slot * maskWords, (slot + 1) * maskWords),
    )
  images.fill(0, job.samples.length * imageLength)
  maskBits.fill(0, job.samples.length * maskWords)
}
