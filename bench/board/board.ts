import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { RunPage, SeriesAnswer } from '../../src/board/wire/run.ts'
import type { RunTable } from '../../src/board/wire/runs.ts'
import { formatBytes } from '../../src/run/memory.ts'
import { RunDirectory } from '../../src/track/run_directory.ts'
import { RunRecord } from '../../src/track/run_record.ts'
import { InputError } from '../../src/util/error.ts'
import { logStep, pace, requestIn } from '../record.ts'
import { percent, short } from '../table.ts'
import { BoardProcess } from './board_process.ts'
import { makeRuns } from './made_runs.ts'

export interface BoardRequest {
  runs: number
  /** of all metrics of a run */
  points: number
  /** to watch a training for, with and without a page */
  seconds: number
  say(line: string): void
}

export interface BoardReport {
  runs: number
  points: number
  /** metrics.json of one run */
  file_bytes: number
  /** until the first board over these records has read all of them */
  first_scan_s: number
  /** from the start of the next board's process to its table with all figures */
  start_s: number
  /** the table again */
  table_s: number
  table_bytes: number
  /** facts and all metrics of a run that is not in memory: median, and the longest */
  run_s: number
  longest_run_s: number
  /** of the first board after its scan, and its peak */
  scanned_bytes: number
  scan_peak_bytes: number
  /** of the next one after it opened these many runs, and its peak */
  opened: number
  resident_bytes: number
  peak_bytes: number
  /** share of a core that the board takes while a training logs a batch every 20 ms: without a page, and with the run's page open */
  idle_share: number
  open_share: number
}

const OPENED = 30
const STEP = 0.02 // s
const BETWEEN_LOOKS = 1000 // ms

/** Measures a board over many long runs, and beside a training. Throws InputError: no Linux, pages not built. */
export async function benchBoard({ runs, points, seconds, say }: BoardRequest): Promise<BoardReport> {
  if (!existsSync('/proc/self/stat')) throw new InputError('bench board: reads /proc, expected Linux')
  const root = mkdtempSync(join(tmpdir(), 'sadaan-board-'))
  const [folder, cache] = [join(root, 'runs'), join(root, 'cache')]
  try {
    say(`making ${runs} runs of ${points} points`)
    await makeRuns(folder, runs, points)
    const fileBytes = statSync(join(folder, '1', 'metrics.json')).size
    say(`reading ${runs} × ${formatBytes(fileBytes)} for the first time`)
    const scan = await scanned(folder, cache)
    say('starting again')
    const opened = await openedAgain(folder, cache, runs)
    say(`watching a training, ${2 * seconds} s`)
    const shares = await watched(folder, cache, seconds)
    return { runs, points, file_bytes: fileBytes, ...scan, ...opened, ...shares }
  } finally {
    rmSync(root, { recursive: true })
  }
}

async function scanned(folder: string, cache: string) {
  const start = performance.now()
  const board = await BoardProcess.start(folder, cache)
  try {
    while ((await board.ask<RunTable>('api/runs')).answer.rows.some(({ isScanned }) => !isScanned))
      await setTimeout(BETWEEN_LOOKS)
    const seconds = (performance.now() - start) / 1000
    const { resident, peak } = board.memory
    return { first_scan_s: seconds, scanned_bytes: resident, scan_peak_bytes: peak }
  } finally {
    await board.stop()
  }
}

async function openedAgain(folder: string, cache: string, runs: number) {
  const start = performance.now()
  const board = await BoardProcess.start(folder, cache)
  try {
    const first = await board.ask<RunTable>('api/runs')
    const started = (performance.now() - start) / 1000
    if (first.answer.rows.some(({ isScanned }) => !isScanned)) throw new Error('the board forgot figures')
    const table = await board.ask<RunTable>('api/runs')
    const opened = Math.min(OPENED, runs)
    const times: number[] = []
    for (const { id } of first.answer.rows.slice(0, opened)) times.push(await openRun(board, id))
    times.sort((a, b) => a - b)
    const { resident, peak } = board.memory
    return {
      start_s: started,
      table_s: table.seconds,
      table_bytes: table.bytes,
      run_s: times[times.length >> 1]!,
      longest_run_s: times.at(-1)!,
      opened,
      resident_bytes: resident,
      peak_bytes: peak,
    }
  } finally {
    await board.stop()
  }
}

/** Asks what the page of a run asks for. */
async function openRun(board: BoardProcess, id: string): Promise<number> {
  const start = performance.now()
  const name = encodeURIComponent(id)
  await Promise.all([
    board.ask<RunPage>(`api/run?id=${name}`),
    ...['epoch', 'batch'].map(unit => board.ask<SeriesAnswer>(`api/series?id=${name}&unit=${unit}&x=step&width=800`)),
  ])
  return (performance.now() - start) / 1000
}

/** The processor time of a board while this process logs as a training does. */
async function watched(folder: string, cache: string, seconds: number) {
  const directory = RunDirectory.create(requestIn(folder))!
  const record = new RunRecord(directory.id, [directory])
  let step = 0
  const share = async (): Promise<number> => {
    const before = board.processorSeconds
    await pace(STEP, seconds, async () => logStep(record, step++))
    return (board.processorSeconds - before) / seconds
  }
  const board = await BoardProcess.start(folder, cache)
  try {
    const { answer } = await board.ask<RunTable>('api/runs')
    await setTimeout(BETWEEN_LOOKS) // the new run is read
    const idle = await share()
    const close = await openPage(board, answer.rows.find(({ status }) => status === 'RUNNING')!.id)
    const open = await share()
    close()
    return { idle_share: idle, open_share: open }
  } finally {
    await board.stop()
    await record.finish({ status: 'COMPLETED' })
  }
}

/** Follows a run as its page does, until it is closed. */
async function openPage(board: BoardProcess, id: string): Promise<() => void> {
  await openRun(board, id)
  const aborter = new AbortController()
  const { body } = await fetch(new URL('api/events', board.url), { signal: aborter.signal })
  const follow = async (): Promise<void> => {
    for await (const piece of body!)
      if (new TextDecoder().decode(piece).includes(JSON.stringify(id))) await openRun(board, id)
  }
  follow().catch(error => {
    if (!aborter.signal.aborted) throw error
  })
  return () => aborter.abort()
}

export function boardText(report: BoardReport): string {
  const { runs, points, file_bytes, first_scan_s, scanned_bytes, scan_peak_bytes, start_s, table_s, table_bytes } =
    report
  const { run_s, longest_run_s, opened, resident_bytes, peak_bytes, idle_share, open_share } = report
  return [
    `records    ${runs} of ${points.toLocaleString('en')} points, metrics.json of ${formatBytes(file_bytes)} each`,
    `first scan ${short(first_scan_s)} s; then ${formatBytes(scanned_bytes)} resident, ${formatBytes(scan_peak_bytes)} at most`,
    `start      ${short(start_s)} s to the table with all figures`,
    `table      ${short(table_s)} s, ${formatBytes(table_bytes)}`,
    `run        ${short(run_s)} s to open, ${short(longest_run_s)} s at most`,
    `memory     ${formatBytes(resident_bytes)} resident after ${opened} runs, ${formatBytes(peak_bytes)} at most`,
    `training   ${percent(idle_share)} of a core without a page, ${percent(open_share)} with the run's page open`,
  ].join('\n')
}
