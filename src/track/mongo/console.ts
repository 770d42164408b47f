const HEAD = 256 * 1024 // characters kept of the beginning
const TAIL = 256 * 1024 // at least so many of the end

/** Console output as the run's document holds it, whose size is limited: the beginning and the end of a long one. */
export class CapturedText {
  private head = ''
  private tail = ''
  private left = 0 // characters
  private isFresh = false

  add(text: string): void {
    this.isFresh = true
    if (this.tail === '' && this.head.length + text.length <= HEAD) {
      this.head += text
      return
    }
    this.tail += text
    if (this.tail.length < 2 * TAIL) return
    const end = this.tail.indexOf('\n', this.tail.length - TAIL) + 1
    this.left += end
    this.tail = this.tail.slice(end)
  }

  /** The text, if there is more of it than the last time. */
  take(): string | undefined {
    if (!this.isFresh) return undefined
    this.isFresh = false
    return this.left === 0 ? this.head + this.tail : `${this.head}[… ${this.left} characters left out …]\n${this.tail}`
  }
}
