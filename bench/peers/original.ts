import { ChildError } from '../processes.ts'
import type { StepReport } from '../step/step.ts'
import { short, textTable } from '../table.ts'
import { median, type OracleResult, type PeerRequest, runOracle, runOurs } from './oracle.ts'
import type { Python, Pythons } from './python.ts'

/** One PyTorch compared with ours. */
export interface OriginalLine {
  python: string
  torch: string
  /** undefined if it failed */
  median_s?: number
  peak_bytes?: number
  /** its time over ours in the same round; median over rounds */
  time_ratio?: number
  /** our peak memory over its (VmHWM of both processes); on a GPU not comparable */
  memory_ratio?: number
  /** reason if not measured */
  failed?: string
}

export interface OriginalReport {
  ours: Pick<StepReport, 'adapter' | 'step_s' | 'peak_bytes' | 'process_peak_bytes'>
  /** full report of our last round */
  last: StepReport
  peers: OriginalLine[]
  missing: Pythons['missing']
}

interface Round {
  ours: StepReport
  /** by Python; the reason if it failed */
  theirs: Record<string, OracleResult | string>
}

const SETTINGS = { device: 'cpu', mode: 'fp32', layout: 'ncdhw', compiled: false, original: true } as const

/** Runs ours and the original on every Python in turn, `rounds` times. The original trains on the CPU with two threads. */
export async function benchOriginal(request: PeerRequest): Promise<OriginalReport> {
  const measured: Round[] = []
  for (let round = 1; round <= request.rounds; round++)
    measured.push(await runRound(`round ${round} of ${request.rounds}`, request))
  const ours = measured.map(each => each.ours)
  const { found, missing } = request.pythons
  return { ours: summaryOf(ours), last: ours.at(-1)!, peers: found.map(each => compare(each, measured)), missing }
}

async function runRound(round: string, request: PeerRequest): Promise<Round> {
  const { pythons, say, once } = request
  say(`  ${round}: ours`)
  const ours = await once(`${round}: ours`, () => runOurs(request))
  say(`  ${round}: ours ${short(ours.step_s)} s per step on ${ours.adapter}`)
  const theirs: Round['theirs'] = {}
  for (const { path, torch } of pythons.found) {
    const name = `${round}: torch ${torch}`
    say(`  ${name}`)
    const result = await outcome(() => once(name, () => runOracle({ python: path, ...SETTINGS }, request)))
    theirs[path] = result
    say(`  ${name} ${typeof result === 'string' ? result : `${short(result.median_s)} s per step`}`)
  }
  return { ours, theirs }
}

async function outcome(run: () => Promise<OracleResult>): Promise<OracleResult | string> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof ChildError) return error.message
    throw error
  }
}

function summaryOf(reports: readonly StepReport[]): OriginalReport['ours'] {
  const { adapter, process_peak_bytes } = reports[0]!
  return {
    adapter,
    step_s: median(reports.map(({ step_s }) => step_s)),
    peak_bytes: Math.max(...reports.map(({ peak_bytes }) => peak_bytes)),
    process_peak_bytes: process_peak_bytes === null ? null : Math.max(...reports.map(each => each.process_peak_bytes!)),
  }
}

function compare({ path, torch }: Python, rounds: readonly Round[]): OriginalLine {
  const results = rounds.map(({ theirs }) => theirs[path]!)
  const failed = results.find(result => typeof result === 'string')
  if (failed !== undefined) return { python: path, torch, failed }
  const theirs = results as OracleResult[]
  const own = summaryOf(rounds.map(({ ours }) => ours)).process_peak_bytes
  const peak = median(theirs.map(({ peak_bytes }) => peak_bytes))
  return {
    python: path,
    torch,
    median_s: median(theirs.map(({ median_s }) => median_s)),
    peak_bytes: peak,
    time_ratio: median(theirs.map(({ median_s }, round) => median_s / rounds[round]!.ours.step_s)),
    ...(own === null ? {} : { memory_ratio: own / peak }),
  }
}

interface TextLine extends Partial<OriginalLine> {
  who: string
}

export function originalText({ ours, peers, missing }: OriginalReport): string {
  const own: TextLine = {
    who: `ours on ${ours.adapter}`,
    median_s: ours.step_s,
    peak_bytes: ours.process_peak_bytes ?? ours.peak_bytes,
  }
  const lines = [own, ...peers.map((peer): TextLine => ({ who: `original, torch ${peer.torch}`, ...peer }))]
  const table = textTable(lines, [
    { title: '', value: ({ who }) => who },
    { title: 's per step', value: ({ median_s }) => median_s && short(median_s) },
    { title: 'peak GB', value: ({ peak_bytes }) => peak_bytes && short(peak_bytes / 1e9) },
    { title: 'ours is faster ×', value: ({ time_ratio }) => time_ratio && short(time_ratio) },
    { title: 'our memory / its', value: ({ memory_ratio }) => memory_ratio && short(memory_ratio) },
    { title: '', value: ({ failed }) => failed },
  ])
  return [table, ...missing.map(({ python, reason }) => `not measured: ${python}: ${reason}`)].join('\n')
}
