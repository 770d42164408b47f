import { parentPort } from 'node:worker_threads'
import type { Answer, Call } from '../../util/calls.ts'
import type { SampleRequest } from './sample_makers.ts'
import { makeSample, type Sample } from './synthetic.ts'

const port = parentPort!

port.on('message', ({ id, request: { variation, index, scenario } }: Call<SampleRequest>) => {
  const result = makeSample(variation, index, scenario)
  const buffers = [result.image, result.masks].map(({ buffer }) => buffer as ArrayBuffer)
  port.postMessage({ id, result } satisfies Answer<Sample>, buffers)
})
