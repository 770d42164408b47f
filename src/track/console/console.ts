import { type Colors, colorsFor } from '../../util/colors.ts'
import { oneLine, printable } from '../../util/listing.ts'
import {
  type BatchProgress,
  durationText,
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

/** The part of a writable stream that Console needs, e.g. process.stderr. */
export interface ConsoleStream {
  write(text: string): unknown
  on(event: 'error', listener: () => void): unknown
  isTTY?: boolean
  columns?: number
}

export interface ConsoleOptions {
  stream: ConsoleStream
  /** Environment variables; NO_COLOR and TERM=dumb are respected. */
  environment: Readonly<Record<string, string | undefined>>
  /** Clock in milliseconds. */
  now?: () => number
  /** Messages below this level are neither shown nor captured, as in Python's logging. Default: INFO. DEBUG shows every batch. */
  level?: number
}

/** The levels of Python's logging. */
export const LOG_LEVELS = { DEBUG: 10, INFO: 20, WARNING: 30, ERROR: 40, CRITICAL: 50 } as const

const BETWEEN_REFRESHES = 100 // milliseconds between two refreshes of the live display
const BETWEEN_LINES = 10_000 // milliseconds between two progress lines in a log
const LIVE_LINES = 2 // a narrow terminal shows the loss terms on a second line
const ERASE_LINE = '\r\x1b[K'
const ERASE_LINE_ABOVE = '\x1b[1A\x1b[K'

/**
 * Reports the progress of a training. A terminal shows a live line below the permanent ones. A log, like the captured text, gets a
 * plain progress line every ten seconds. A closed stream (EPIPE) is ignored.
 */
export class Console {
  private listener: ((text: string) => void) | undefined
  private pending = '' // text from before there was a listener
  private readonly stream: ConsoleStream
  private readonly now: () => number
  private readonly isLive: boolean
  private readonly colors: Colors
  private readonly level: number
  private isOpen = true
  private live: string[] = [] // the lines of the live display, without colours
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

  /** Receives every plain line with its line end, including earlier ones: for cout.txt. */
  set capture(listener: (text: string) => void) {
    this.listener = listener
    if (this.pending !== '') listener(this.pending)
    this.pending = ''
  }

  /** Prints a permanent line. */
  line(text: string): void {
    const plain = printable(text)
    if (this.level <= LOG_LEVELS.INFO) this.print(plain, plain)
  }

  /** Prints a warning. */
  warn(text: string): void {
    const plain = oneLine(text)
    if (this.level <= LOG_LEVELS.WARNING) this.print(`warning: ${plain}`, `${this.colors.yellow('warning:')} ${plain}`)
  }

  /** Reports the compilation that precedes the first batch. */
  compiling(done: number, all: number): void {
    const text = `compiling kernels ${done}/${all}`
    this.progress(false, text, [text])
  }

  /** Reports its end. The first batch shows no progress until it is done. */
  compiled(kernels: number, seconds: number): void {
    this.close()
    this.line(`kernels   ${kernels} compiled in ${durationText(seconds)}`)
    this.lastLine = Number.NEGATIVE_INFINITY
    this.lastRefresh = Number.NEGATIVE_INFINITY
    if (this.isLive && this.level <= LOG_LEVELS.INFO) this.show(['running the first batch'])
  }

  /** Reports a training batch. */
  batch(progress: BatchProgress): void {
    this.progress(isLast(progress), trainingLine(progress), liveTrainingParts(progress))
  }

  /** Reports a validation batch. */
  validationBatch(progress: EpochProgress): void {
    this.progress(isLast(progress), validationLine(progress), liveValidationParts(progress))
  }

  epochEnd(summary: EpochSummary): void {
    if (this.level > LOG_LEVELS.INFO) return
    const text = epochLine(summary)
    const erased = this.erase()
    this.live = []
    this.lastLine = this.now()
    this.print(text, erased + text.replace(/best$/, best => this.colors.green(best)))
  }

  /** Erases the live display. */
  close(): void {
    if (this.live.length > 0) this.write(this.erase())
    this.live = []
  }

  private progress(isLast: boolean, line: string, parts: readonly string[]): void {
    if (this.level > LOG_LEVELS.INFO) return
    const now = this.now()
    const isDebug = this.level <= LOG_LEVELS.DEBUG
    if (isDebug || now - this.lastLine >= BETWEEN_LINES) {
      this.lastLine = now
      if (this.isLive && !isDebug) this.forward(`${line}\n`)
      else this.line(line)
    }
    if (!this.isLive || (now - this.lastRefresh < BETWEEN_REFRESHES && !isLast)) return
    this.lastRefresh = now
    this.show(parts)
  }

  private show(parts: readonly string[]): void {
    const erased = this.erase()
    // a character in the last column makes some terminals wrap
    this.live = fitParts(parts, (this.stream.columns ?? 80) - 1, LIVE_LINES)
    this.write(erased + this.painted())
  }

  private print(plain: string, colored: string): void {
    this.write(this.isLive ? `${this.erase()}${colored}\n${this.painted()}` : `${plain}\n`)
    this.forward(`${plain}\n`)
  }

  private forward(text: string): void {
    if (this.listener) this.listener(text)
    else this.pending += text
  }

  private erase(): string {
    return ERASE_LINE + ERASE_LINE_ABOVE.repeat(Math.max(0, this.live.length - 1))
  }

  private painted(): string {
    return this.live
      .join('\n')
      .replace(/^epoch \S+/, epoch => this.colors.bold(epoch))
      .replace(/█+/, bar => this.colors.cyan(bar))
  }

  private write(text: string): void {
    if (this.isOpen) this.stream.write(text)
  }
}

function isLast({ batch, batches }: EpochProgress): boolean {
  return batch === batches
}
