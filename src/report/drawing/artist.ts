import { ThreadPool } from '../../util/thread_pool.ts'
import type { Drawing, Subject } from './drawing.ts'

/** Draws in a thread, so that training does not wait for pictures. */
export class Artist {
  private readonly pool = new ThreadPool<Subject, Drawing>({
    beside: import.meta.url,
    name: 'artist',
    title: 'the drawing thread',
  })

  /** Pictures arrive in the order of the calls. Rejects if one cannot be drawn or the thread has died. */
  draw(subject: Subject): Promise<Drawing> {
    return this.pool.ask(subject)
  }
}
