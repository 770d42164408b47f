import { threadId } from 'node:worker_threads'
import { serve } from '../../src/util/thread.ts'

export interface PoolRequest {
  values: Float32Array<ArrayBuffer>
  failure?: 'throw' | 'exit'
}

export interface PoolResult {
  thread: number
  doubled: Float32Array<ArrayBuffer>
}

serve(
  ({ values, failure }: PoolRequest): PoolResult => {
    if (failure === 'exit') process.exit(3)
    if (failure === 'throw') throw new RangeError('no such value')
    return { thread: threadId, doubled: values.map(value => 2 * value) }
  },
  ({ doubled }) => [doubled.buffer],
)
