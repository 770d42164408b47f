import { ThreadPool } from '../../util/thread_pool.ts'
import { type ExaminationRequest, type ExaminedSample, SampleExaminer } from './sample_examiner.ts'

interface Examiner {
  ask(request: ExaminationRequest): Promise<ExaminedSample>
  close(): Promise<void>
}

/** Samples that each thread has at once: it works on one while the next waits. */
const AT_ONCE = 2

/**
 * Examines samples on `threads` threads, or in the calling thread if 0, and hands them to `take` as they finish, in any order. Memory: one
 * sample per thread. If a thread dies, its samples are examined once more; a sample whose thread dies again is reported as refused, and
 * the rest goes on.
 */
export async function examineAll(
  requests: Iterable<ExaminationRequest>,
  threads: number,
  take: (request: ExaminationRequest, facts: ExaminedSample) => void,
): Promise<void> {
  const examiner = threads > 0 ? onThreads(threads) : inThisThread()
  const waiting = requests[Symbol.iterator]()
  const work = async (): Promise<void> => {
    for (let next = waiting.next(); !next.done; next = waiting.next()) {
      const request = next.value
      const ask = (): Promise<ExaminedSample> => examiner.ask(request)
      const facts = await ask()
        .catch(ask)
        .catch((error: Error) => refused(request, error))
      take(request, facts)
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.max(AT_ONCE * threads, 1) }, work))
  } finally {
    await examiner.close()
  }
}

function onThreads(size: number): Examiner {
  return new ThreadPool({ beside: import.meta.url, name: 'examine', title: 'the reading thread', size })
}

function inThisThread(): Examiner {
  const examiner = new SampleExaminer()
  return { ask: request => examiner.examine(request), close: () => examiner.close() }
}

function refused({ path, sample }: ExaminationRequest, { message }: Error): ExaminedSample {
  return { images: { refusal: `${path}: dataset 'images' sample ${sample} cannot be read (${message})` } }
}
