import { messageOf } from '../../util/error.ts'
import { Artist } from './artist.ts'
import type { Drawing, Subject } from './drawing.ts'

/** Draws the pictures of a command. They are optional outputs: the first failure is reported, and the command continues. */
class Illustrator {
  private readonly artist = new Artist()
  private hasWarned = false

  /** Undefined if nothing could be drawn; without a PNG if only rasterising failed. */
  async draw(subject: Subject, warn: (line: string) => void): Promise<Drawing | undefined> {
    try {
      const drawing = await this.artist.draw(subject)
      if (drawing.reason !== undefined) this.complain(`no PNG pictures of this run: ${drawing.reason}`, warn)
      return drawing
    } catch (error) {
      this.complain(`a picture could not be drawn: ${messageOf(error)}`, warn)
      return undefined
    }
  }

  private complain(line: string, warn: (line: string) => void): void {
    if (!this.hasWarned) warn(line)
    this.hasWarned = true
  }
}

/** The illustrator of this process: one thread draws all pictures. */
export const illustrator = new Illustrator()
