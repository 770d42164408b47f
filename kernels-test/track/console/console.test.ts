import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { type BatchProgress, Console, type EpochSummary, LOG_LEVELS } from '../../../src/track/console/console.ts'
import { durationText } from '../../../src/track/console/progress_text.ts'

const TERMS = {
  segmentation: 0.31234,
  dice: 0.5523,
  focal_seg: 0.00041,
  absence: 0.0313,
  attention_supervision: 0.233,
  false_positive_suppression: 0.0123,
  confidence: 0,
}

function progressAt(batch: number): BatchProgress {
  const place = { epoch: 11, epochs: 100, batch, batches: 24 }
  return { ...place, terms: TERMS, total: 4.2131, learningRate: 4.87e-4, samplesPerSecond: 13.333, secondsLeft: 3723 }
}

const SUMMARY: EpochSummary = {
  epoch: 11,
  epochs: 100,
  trainLoss: 4.1,
  validation: { loss: 4.3, presenceAccuracy: 0.953, hardDice: 0.793 },
  isBest: true,
  seconds: 62,
}

interface Session {
  console: Console
  stream: EventEmitter
  /** Everything written. */
  raw: () => string
  /** What a terminal shows at the moment. */
  screen: () => string[]
  captured: () => string
  wait: (milliseconds: number) => void
}

function open(
  terminal: { isTTY: boolean; columns?: number },
  environment: Record<string, string> = {},
  level?: number,
): Session {
  let raw = ''
  let captured = ''
  let now = 0
  const stream = Object.assign(new EventEmitter(), { ...terminal, write: (text: string) => (raw += text) })
  const console = new Console({ stream, environment, now: () => now, ...(level === undefined ? {} : { level }) })
  console.capture = text => (captured += text)
  const wait = (milliseconds: number) => {
    now += milliseconds
  }
  return { console, stream, raw: () => raw, screen: () => screenOf(raw), captured: () => captured, wait }
}

/** A terminal with the sequences that Console uses: colours, carriage return, line feed, cursor up, erase to the end of the line. */
function screenOf(raw: string): string[] {
  const lines = ['']
  let row = 0
  let column = 0
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal sequences begin with an escape character
  for (const [piece] of raw.matchAll(/\x1b\[\d*[A-Za-z]|\r|\n|[^\x1b\r\n]+/g)) {
    if (piece === '\r') column = 0
    else if (piece === '\n') [row, column] = [row + 1, 0]
    else if (piece === '\x1b[1A') row--
    else if (piece === '\x1b[K') lines[row] = lines[row]!.slice(0, column)
    else if (!piece.startsWith('\x1b')) {
      lines[row] = lines[row]!.slice(0, column).padEnd(column) + piece + lines[row]!.slice(column + piece.length)
      column += piece.length
    }
    while (lines.length <= row) lines.push('')
  }
  return lines
}

const PLAIN = 'epoch 12/100  batch 1/24  loss 4.21  lr 4.9e-4  13.3 samples/s  1 h 02 min left'
const EPOCH = 'epoch 12/100  train 4.10  val 4.30  presence 95 %  Dice 0.793  1 min 02 s  best'

describe('not a terminal', () => {
  test('one line first, then one every ten seconds, and one per epoch; no escape sequences', () => {
    const { console, raw, captured, wait } = open({ isTTY: false })
    for (let batch = 1; batch <= 24; batch++) {
      console.batch(progressAt(batch))
      wait(1000)
    }
    console.epochEnd(SUMMARY)
    console.close()
    const lines = raw().split('\n')
    expect(lines[0]).toBe(PLAIN)
    expect(lines.slice(1, 3).map(line => /batch (\d+)/.exec(line)![1])).toStrictEqual(['11', '21'])
    expect(lines.slice(3)).toStrictEqual([EPOCH, ''])
    expect(captured()).toBe(raw())
  })

  test('a dumb terminal counts as none', () => {
    const { console, raw } = open({ isTTY: true, columns: 80 }, { TERM: 'dumb' })
    console.batch(progressAt(1))
    console.warn('careful')
    expect(raw()).toBe(`${PLAIN}\nwarning: careful\n`)
  })

  test('an epoch without validation does not mention it', () => {
    const { console, raw } = open({ isTTY: false })
    console.epochEnd({ ...SUMMARY, validation: undefined, isBest: false })
    expect(raw()).toBe('epoch 12/100  train 4.10  1 min 02 s\n')
  })

  test('says at once that kernels are being compiled, again every ten seconds, and then shows the first batch', () => {
    const { console, raw, wait } = open({ isTTY: false })
    for (let done = 1; done <= 40; done++) {
      console.compiling(done, 40)
      wait(500)
    }
    console.compiled(40, 20)
    console.batch(progressAt(1))
    expect(raw()).toBe(`compiling kernels 1/40\ncompiling kernels 21/40\nkernels   40 compiled in 20 s\n${PLAIN}\n`)
  })

  test('the lines of a long training fit 80 columns', () => {
    expect(PLAIN.length).toBeLessThanOrEqual(80)
    const { console, raw } = open({ isTTY: false })
    console.epochEnd({ ...SUMMARY, epoch: 99 })
    expect(raw().trimEnd().length).toBeLessThanOrEqual(80)
  })
})

describe('a terminal', () => {
  test('one live line with every term if there is room', () => {
    const { console, screen, wait } = open({ isTTY: true, columns: 200 })
    console.line('start')
    for (const batch of [1, 2, 3]) {
      console.batch(progressAt(batch))
      wait(1000)
    }
    expect(screen()).toStrictEqual([
      'start',
      'epoch 12/100 ██░░░░░░░░░░ 3/24  loss 4.21  1 h 02 min left  13.3 samples/s  lr 4.9e-4  ' +
        'seg 0.312  dice 0.552  focal 4.1e-4  absence 0.0313  attn 0.233  fp 0.0123  conf 0',
    ])
  })

  test('two live lines of at most 79 characters at 80 columns; permanent lines go above', () => {
    const { console, screen, wait } = open({ isTTY: true, columns: 80 })
    console.batch(progressAt(12))
    wait(1000)
    console.line('between')
    console.batch(progressAt(13))
    console.warn('careful')
    expect(screen()).toStrictEqual([
      'between',
      'warning: careful',
      'epoch 12/100 ███████░░░░░ 13/24  loss 4.21  1 h 02 min left  13.3 samples/s',
      'lr 4.9e-4  seg 0.312  dice 0.552  focal 4.1e-4  absence 0.0313  attn 0.233',
    ])
    console.validationBatch({ epoch: 11, epochs: 100, batch: 3, batches: 3 })
    expect(screen().slice(2)).toStrictEqual(['epoch 12/100 ████████████ 3/3  validating', ''])
    console.epochEnd(SUMMARY)
    expect(screen()).toStrictEqual(['between', 'warning: careful', EPOCH, ''])
  })

  test('counts compiled kernels on the live line, then says that the first batch runs', () => {
    const { console, screen, wait } = open({ isTTY: true, columns: 80 })
    console.line('start')
    console.compiling(1, 40)
    wait(1000)
    console.compiling(2, 40)
    expect(screen()).toStrictEqual(['start', 'compiling kernels 2/40'])
    console.compiled(40, 20)
    expect(screen()).toStrictEqual(['start', 'kernels   40 compiled in 20 s', 'running the first batch'])
    console.batch(progressAt(1))
    expect(screen()[2]).toMatch(/^epoch 12\/100 /)
  })

  test('a terminal that becomes narrow never gets a longer line', () => {
    const { console, stream, screen, wait } = open({ isTTY: true, columns: 30 })
    console.batch(progressAt(1))
    for (const line of screen()) expect(line.length).toBeLessThan(30)
    Object.assign(stream, { columns: 10 })
    wait(1000)
    console.batch(progressAt(2))
    for (const line of screen()) expect(line.length).toBeLessThan(10)
  })

  test('refreshed at most ten times a second, but always after the last batch', () => {
    const { console, raw, wait } = open({ isTTY: true, columns: 200 })
    for (let batch = 1; batch <= 24; batch++) {
      console.batch(progressAt(batch))
      wait(15)
    }
    expect(raw().match(/\d+\/24/g)).toStrictEqual(['1/24', '8/24', '15/24', '22/24', '24/24'])
  })

  test('close erases the live display; the captured text is what a log would show', () => {
    const { console, screen, captured } = open({ isTTY: true, columns: 80 })
    console.line('start')
    console.batch(progressAt(1))
    console.close()
    expect(screen()).toStrictEqual(['start', '', ''])
    expect(captured()).toBe(`start\n${PLAIN}\n`)
  })

  test.each([
    ['colours by default', {}, true],
    ['none with NO_COLOR', { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR does not count', { NO_COLOR: '' }, true],
  ])('%s', (_, environment, colored) => {
    const { console, raw } = open({ isTTY: true, columns: 80 }, environment as Record<string, string>)
    console.warn('careful')
    console.batch(progressAt(5))
    expect(raw().includes('\x1b[33mwarning:')).toBe(colored)
    expect(raw().includes('\x1b[36m')).toBe(colored)
  })
})

test('lines from before there is a listener are captured too', () => {
  const stream = { write: () => true, on: () => stream }
  const console = new Console({ stream, environment: {} })
  console.line('resampled')
  console.warn('no cache')
  let captured = ''
  console.capture = text => (captured += text)
  expect(captured).toBe('resampled\nwarning: no cache\n')
  console.line('one')
  expect(captured).toBe('resampled\nwarning: no cache\none\n')
})

describe('log levels', () => {
  function lines(level: number, isTTY = false): string[] {
    const { console, captured, raw } = open({ isTTY }, {}, level)
    console.line('a line')
    console.warn('a warning')
    console.batch(progressAt(1))
    console.batch(progressAt(2))
    console.validationBatch({ epoch: 11, epochs: 100, batch: 1, batches: 2 })
    console.epochEnd(SUMMARY)
    if (captured() === '') expect(raw()).toBe('')
    return captured().split('\n').slice(0, -1)
  }

  test('DEBUG prints every batch, also on a terminal', () => {
    expect(lines(LOG_LEVELS.DEBUG)).toHaveLength(6)
    expect(lines(LOG_LEVELS.DEBUG, true)).toHaveLength(6)
  })
  test('INFO prints progress when it is due', () => expect(lines(LOG_LEVELS.INFO)).toHaveLength(4))
  test('WARNING prints warnings only', () => expect(lines(LOG_LEVELS.WARNING, true)).toEqual(['warning: a warning']))
  test('ERROR prints nothing', () => expect(lines(LOG_LEVELS.ERROR)).toEqual([]))
})

test('a closed stream changes nothing', () => {
  const { console, stream, raw, captured } = open({ isTTY: false })
  console.line('one')
  stream.emit('error', new Error('write EPIPE'))
  console.line('two')
  console.epochEnd(SUMMARY)
  expect(raw()).toBe('one\n')
  expect(captured()).toBe(`one\ntwo\n${EPOCH}\n`)
})

test.each([
  [0, '0.0 s'],
  [0.42, '0.4 s'],
  [9.96, '10 s'],
  [59.4, '59 s'],
  [59.6, '1 min 00 s'],
  [62, '1 min 02 s'],
  [3723, '1 h 02 min'],
  [90_000, '1 d 01 h'],
])('%f seconds are %s', (seconds, text) => expect(durationText(seconds)).toBe(text))
