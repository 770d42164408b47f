import type { StepReport } from '../step.ts'
import { short, textTable } from '../table.ts'
import { median, type OracleResult, type PeerRequest, runOracle, runOurs, torchOf } from './oracle.ts'

/** One PyTorch beside ours. */
export interface OriginalLine {
  python: string
  torch: string
  median_s: number
  peak_bytes: number
  /** its time over ours, in the same round; the median of the rounds */
  time_ratio: number
  /** our peak memory over its: VmHWM of both processes where our adapter is software, otherwise not comparable */
  memory_ratio: number | null
}

export interface OriginalReport {
  ours: Pick<StepReport, 'adapter' | 'step_s' | 'peak_bytes' | 'process_peak_bytes'>
  /** our last round, whole */
  last: StepReport
  peers: OriginalLine[]
  /** pythons that could not run, and why */
  missing: { python: string; reason: string }[]
}

/** Ours and the original on every python, in turn, `rounds` times. The original trains on the processor with two threads. */
export async function benchOriginal(request: PeerRequest): Promise<OriginalReport> {
  const missing: OriginalReport['missing'] = []
  const pythons: { python: string; torch: string; results: OracleResult[] }[] = []
  for (const python of request.pythons) {
    const found = await torchOf(python)
    if ('reason' in found) missing.push({ python, reason: found.reason })
    else pythons.push({ python, torch: found.torch, results: [] })
  }
  const ours: StepReport[] = []
  for (let round = 0; round < request.rounds; round++) {
    ours.push(await runOurs(request))
    for (const { python, results } of pythons) {
      const settings = {
        python,
        device: 'cpu',
        mode: 'fp32',
        layout: 'ncdhw',
        compiled: false,
        original: true,
      } as const
      results.push(await runOracle(settings, request))
    }
  }
  return { ours: summaryOf(ours), last: ours.at(-1)!, peers: pythons.map(peer => compare(peer, ours)), missing }
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

function compare(
  { python, torch, results }: { python: string; torch: string; results: readonly OracleResult[] },
  ours: readonly StepReport[],
): OriginalLine {
  const own = summaryOf(ours).process_peak_bytes
  const peak = median(results.map(({ peak_bytes }) => peak_bytes))
  return {
    python,
    torch,
    median_s: median(results.map(({ median_s }) => median_s)),
    peak_bytes: peak,
    time_ratio: median(results.map(({ median_s }, round) => median_s / ours[round]!.step_s)),
    memory_ratio: own === null ? null : own / peak,
  }
}

export function originalText({ ours, peers, missing }: OriginalReport): string {
  const lines = [
    { who: `ours on ${ours.adapter}`, seconds: ours.step_s, bytes: ours.process_peak_bytes ?? ours.peak_bytes },
    ...peers.map(peer => ({
      who: `original, torch ${peer.torch}`,
      seconds: peer.median_s,
      bytes: peer.peak_bytes,
      time: peer.time_ratio,
      memory: peer.memory_ratio,
    })),
  ]
  const table = textTable<(typeof lines)[number] & { time?: number; memory?: number | null }>(lines, [
    { title: '', value: ({ who }) => who },
    { title: 's a step', value: ({ seconds }) => short(seconds) },
    { title: 'peak GB', value: ({ bytes }) => short(bytes / 1e9) },
    { title: 'ours is faster ×', value: ({ time }) => (time === undefined ? undefined : short(time)) },
    { title: 'our memory / its', value: ({ memory }) => (memory == null ? undefined : short(memory)) },
  ])
  return [table, ...missing.map(({ python, reason }) => `not measured: ${python}: ${reason}`)].join('\n')
}
