import { Calls } from '../../util/calls.ts'
import { type ExaminationRequest, type ExaminedSample, SampleExaminer } from './sample_examiner.ts'

interface Examiner {
  ask(request: ExaminationRequest): Promise<ExaminedSample>
  close(): Promise<void>
}

/** Samples that a thread has at once: one to work on, one so that it need not wait. */
const AT_ONCE = 2

/**
 * Examines samples on `threads` threads, 0: in this one, and hands them over as they are done, in any order. Memory: one sample a thread.
 * A sample whose thread dies gets another; if that dies too, the sample is handed over as refused, and the rest goes on.
 */
export async function examineAll(
  requests: Iterable<ExaminationRequest>,
  threads: number,
  take: (request: ExaminationRequest, facts: ExaminedSample) => void,
): Promise<void> {
  const examiners = Array.from({ length: Math.max(threads, 1) }, () => (threads > 0 ? inThread() : inThisThread()))
  const waiting = requests[Symbol.iterator]()
  const work = async (examiner: Examiner): Promise<void> => {
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
    await Promise.all(
      examiners.flatMap(examiner => Array.from({ length: threads > 0 ? AT_ONCE : 1 }, () => work(examiner))),
    )
  } finally {
    await Promise.all(examiners.map(examiner => examiner.close()))
  }
}

function inThread(): Examiner {
  return new Calls<ExaminationRequest, ExaminedSample>(import.meta.url, 'examine', 'the reading thread')
}

function inThisThread(): Examiner {
  const examiner = new SampleExaminer()
  return { ask: request => examiner.examine(request), close: () => examiner.close() }
}

function refused({ path, sample }: ExaminationRequest, { message }: Error): ExaminedSample {
  return { images: { refusal: `${path}: dataset 'images' sample ${sample} cannot be read (${message})` } }
}
