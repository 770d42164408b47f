import { Artist } from './artist.ts'
import type { Drawing, Subject } from './drawing.ts'

/** Has pictures drawn. They are optional outputs: what cannot be drawn is said once, and the command goes on. */
class Illustrator {
  private readonly artist = new Artist()
  private hasWarned = false

  /** Undefined where nothing could be drawn; without its PNG where only that failed. */
  async draw(subject: Subject, warn: (line: string) => void): Promise<Drawing | undefined> {
    try {
      const drawing = await this.artist.draw(subject)
      if (drawing.reason !== undefined) this.complain(`no PNG pictures of this run: ${drawing.reason}`, warn)
      return drawing
    } catch (error) {
      this.complain(`a picture could not be drawn: ${(error as Error).message}`, warn)
      return undefined
    }
  }

  private complain(line: string, warn: (line: string) => void): void {
    if (!this.hasWarned) warn(line)
    this.hasWarned = true
  }
}

/** One thread draws all pictures of a process. */
export const illustrator = new Illustrator()
