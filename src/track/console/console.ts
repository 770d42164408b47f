import { type Colors, colorsFor } from '../../util/colors.ts'
import {
  type BatchProgress,
  type EpochProgress,
  type EpochSummary,
  epochLine,
  fitParts,
  liveTrainingParts,
  liveValidationParts,
  trainingLine,
  validationLine,
} from './progress_text.ts'

export type { BatchProgress, EpochProgress, EpochSummary }

/** What Console needs of the stream it writes to; process.stderr has it. */
export interface ConsoleStream {
  write(text: string): unknown
  on(event: 'error', listener: () => void): unknown
  isTTY?: boolean
  columns?: number
}

export interface ConsoleOptions {
  stream: ConsoleStream
  /** Environment: NO_COLOR and TERM=dumb are obeyed. */
  environment: Readonly<Record<string, string | undefined>>
  /** Clock in milliseconds. */
  now?: () => number
  /** What is less important is neither shown nor captured, as in Python's logging; INFO unless given. DEBUG shows every batch. */
  level?: number
}

/** Python's levels of importance. */
export const LOG_LEVELS = { DEBUG: 10, INFO: 20, WARNING: 30, ERROR: 40, CRITICAL: 50 } as const

const BETWEEN_REFRESHES = 100 // milliseconds between two draws of the live display
const BETWEEN_LINES = 10_000 // milliseconds between two progress lines of a log
const LIVE_LINES = 2 // a narrow terminal gets the loss terms in a second line
const TAKE_AWAY_LINE = '\r\x1b[K'
const TAKE_AWAY_LINE_ABOVE = '\x1b[1A\x1b[K'

/**
 * Says how the training goes. On a terminal a line is refreshed in place, below the lines that stay; elsewhere, and in what
 * is captured, there is a plain progress line every ten seconds. A reader that went away (EPIPE) changes nothing.
 */
export class Console {
  private listener: ((text: string) => void) | undefined
  private unheard = '' // what was said before there was a listener
  private readonly stream: ConsoleStream
  private readonly now: () => number
  private readonly isLive: boolean
  private readonly colors: Colors
  private readonly level: number
  private isOpen = true
  private live: string[] = [] // the lines in place now, without colours
  private lastRefresh = Number.NEGATIVE_INFINITY
  private lastLine = Number.NEGATIVE_INFINITY

  constructor({ stream, environment, now = () => performance.now(), level = LOG_LEVELS.INFO }: ConsoleOptions) {
    this.stream = stream
    this.now = now
    this.level = level
    this.isLive = stream.isTTY === true && environment.TERM !== 'dumb'
    this.colors = colorsFor(stream, environment)
    stream.on('error', () => {
      this.isOpen = false
    })
  }

  /** Gets every plain line, with its line end, also those that were said before: for cout.txt. */
  set capture(listener: (text: string) => void) {
    this.listener = listener
    if (this.unheard !== '') listener(this.unheard)
    this.unheard = ''
  }

  /** A line that stays. */
  line(text: string): void {
    if (this.level <= LOG_LEVELS.INFO) this.print(text, text)
  }

  /** A line that says that something is not as it should be. */
  warn(text: string): void {
    if (this.level <= LOG_LEVELS.WARNING) this.print(`warning: ${text}`, `${this.colors.yellow('warning:')} ${text}`)
  }

  /** After a training batch. */
  batch(progress: BatchProgress): void {
    this.progress(progress, trainingLine, liveTrainingParts)
  }

  /** After a validation batch. */
  validationBatch(place: EpochProgress): void {
    this.progress(place, validationLine, liveValidationParts)
  }

  epochEnd(summary: EpochSummary): void {
    if (this.level > LOG_LEVELS.INFO) return
    const text = epochLine(summary)
    const gone = this.takeAway()
    this.live = []
    this.lastLine = this.now()
    this.print(text, gone + text.replace(/new best$/, best => this.colors.green(best)))
  }

  /** Takes the live display away. */
  close(): void {
    if (this.live.length > 0) this.write(this.takeAway())
    this.live = []
  }

  private progress<P extends EpochProgress>(
    progress: P,
    line: (progress: P) => string,
    parts: (progress: P) => string[],
  ): void {
    if (this.level > LOG_LEVELS.INFO) return
    const now = this.now()
    const isDebug = this.level <= LOG_LEVELS.DEBUG
    if (isDebug || now - this.lastLine >= BETWEEN_LINES) {
      this.lastLine = now
      if (this.isLive && !isDebug) this.captured(`${line(progress)}\n`)
      else this.line(line(progress))
    }
    const isComplete = progress.batch === progress.batches
    if (!this.isLive || (now - this.lastRefresh < BETWEEN_REFRESHES && !isComplete)) return
    this.lastRefresh = now
    const gone = this.takeAway()
    // A character in the last column would make some terminals wrap.
    this.live = fitParts(parts(progress), (this.stream.columns ?? 80) - 1, LIVE_LINES)
    this.write(gone + this.painted())
  }

  private print(plain: string, colored: string): void {
    this.write(this.isLive ? `${this.takeAway()}${colored}\n${this.painted()}` : `${plain}\n`)
    this.captured(`${plain}\n`)
  }

  private captured(text: string): void {
    if (this.listener) this.listener(text)
    else this.unheard += text
  }

  private takeAway(): string {
    return TAKE_AWAY_LINE + TAKE_AWAY_LINE_ABOVE.repeat(Math.max(0, this.live.length - 1))
  }

  private painted(): string {
    return this.live
      .join('\n')
      .replace(/^epoch \S+/, place => this.colors.bold(place))
      .replace(/█+/, bar => this.colors.cyan(bar))
  }

  private write(text: string): void {
    if (this.isOpen) this.stream.write(text)
  }
}
