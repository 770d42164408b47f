import { Calls } from '../../util/calls.ts'
import type { Drawing, Subject } from './drawing.ts'

/** Draws in a thread of its own, so that nobody waits for a picture. */
export class Artist {
  private readonly calls = new Calls<Subject, Drawing>(import.meta.url, 'artist', 'the drawing thread')

  /** Pictures come in the order asked for. Rejects where one cannot be drawn, or the thread died. */
  draw(subject: Subject): Promise<Drawing> {
    return this.calls.ask(subject)
  }
}
