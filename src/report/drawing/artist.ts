import { Calls } from '../../util/calls.ts'
import type { Drawing, Subject } from './drawing.ts'

/** Draws in its own thread, so that nothing waits for a picture. */
export class Artist {
  private readonly calls = new Calls<Subject, Drawing>(import.meta.url, 'artist', 'the drawing thread')

  /** Pictures arrive in the order of the calls. Rejects if one cannot be drawn or the thread has died. */
  draw(subject: Subject): Promise<Drawing> {
    return this.calls.ask(subject)
  }
}
