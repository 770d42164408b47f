import { ChildError } from '../processes.ts'
import type { StepReport } from '../step.ts'
import { type Column, short, textTable } from '../table.ts'
import { type OracleSettings, type PeerRequest, runOracle, runOurs, torchOf } from './oracle.ts'

/** One way of running PyTorch without the original's copies. */
export interface TunedLine extends OracleSettings {
  torch: string
  median_s?: number
  samples_per_s?: number
  peak_bytes?: number
  /** its time over ours */
  time_ratio?: number
  /** why there is no time */
  failed?: string
}

export interface TunedReport {
  ours: Pick<StepReport, 'adapter' | 'precision' | 'step_s' | 'peak_bytes' | 'process_peak_bytes'>
  peers: TunedLine[]
  missing: { python: string; reason: string }[]
}

const LAYOUTS = ['ncdhw', 'ndhwc']
const MODES = { cpu: ['fp32', 'bf16'], cuda: ['fp32', 'tf32', 'fp16', 'bf16'] }

/** Every precision in both layouts; on a CUDA GPU eager and compiled (torch 1 has no compiler). */
function settingsOf(python: string, torch: string, device: 'cpu' | 'cuda'): OracleSettings[] {
  const compiled = device === 'cuda' && !torch.startsWith('1.') ? [false, true] : [false]
  return MODES[device].flatMap(mode =>
    LAYOUTS.flatMap(layout =>
      compiled.map(each => ({ python, device, mode, layout, compiled: each, original: false })),
    ),
  )
}

/** Ours, then PyTorch in every mode. A mode that fails is a line with its reason. */
export async function benchTuned(request: PeerRequest): Promise<TunedReport> {
  const { adapter, precision, step_s, peak_bytes, process_peak_bytes } = await runOurs(request)
  const peers: TunedLine[] = []
  const missing: TunedReport['missing'] = []
  for (const python of request.pythons) {
    const found = await torchOf(python)
    if ('reason' in found) missing.push({ python, reason: found.reason })
    else
      for (const settings of settingsOf(python, found.torch, found.cuda ? 'cuda' : 'cpu'))
        peers.push({ ...settings, torch: found.torch, ...(await timed(settings, request, step_s)) })
  }
  return { ours: { adapter, precision, step_s, peak_bytes, process_peak_bytes }, peers, missing }
}

async function timed(settings: OracleSettings, request: PeerRequest, ours: number): Promise<Partial<TunedLine>> {
  try {
    const { median_s, samples_per_s, peak_bytes } = await runOracle(settings, request)
    return { median_s, samples_per_s, peak_bytes, time_ratio: median_s / ours }
  } catch (error) {
    if (error instanceof ChildError) return { failed: error.message }
    throw error
  }
}

export const TUNED_COLUMNS: readonly Column<TunedLine>[] = [
  { title: 'torch', value: ({ torch }) => torch },
  { title: 'device', value: ({ device }) => device },
  { title: 'mode', value: ({ mode }) => mode },
  { title: 'layout', value: ({ layout }) => layout },
  { title: 'compile', value: ({ compiled }) => (compiled ? 'yes' : 'no') },
  { title: 's a step', value: ({ median_s }) => median_s && short(median_s) },
  { title: 'peak GB', value: ({ peak_bytes }) => peak_bytes && short(peak_bytes / 1e9) },
  { title: 'ours is faster ×', value: ({ time_ratio }) => time_ratio && short(time_ratio) },
  { title: '', value: ({ failed }) => failed },
]

export function tunedText({ ours, peers, missing }: TunedReport): string {
  return [
    `ours on ${ours.adapter}, ${ours.precision}: ${short(ours.step_s)} s a step`,
    textTable(peers, TUNED_COLUMNS),
    ...missing.map(({ python, reason }) => `not measured: ${python}: ${reason}`),
  ].join('\n')
}
