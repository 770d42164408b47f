import { ChildError } from '../processes.ts'
import type { StepReport } from '../step/step.ts'
import { type Column, short, textTable } from '../table.ts'
import { type OracleResult, type OracleSettings, type PeerRequest, runOracle, runOurs } from './oracle.ts'
import type { Python, Pythons } from './python.ts'

/** Our step in one precision, or PyTorch's in one mode. */
export interface TunedLine {
  who: string
  mode: string
  device: string
  layout?: string
  compiled?: boolean
  step_s?: number
  peak_bytes?: number
  /** reason if not measured */
  failed?: string
}

export interface TunedReport {
  ours: TunedLine[]
  /** PyTorch, without the original's copies */
  peers: TunedLine[]
  missing: Pythons['missing']
}

const OUR_PRECISIONS = ['f32', 'f16']
const LAYOUTS = ['ncdhw', 'ndhwc']
const MODES = { cpu: ['fp32', 'bf16'], cuda: ['fp32', 'tf32', 'fp16', 'bf16'] }

/** Every precision in both layouts; on a CUDA GPU eager and compiled (torch 1 has no compiler). */
function settingsOf({ path, torch, cuda }: Python): OracleSettings[] {
  const device = cuda ? 'cuda' : 'cpu'
  const compiled = cuda && !torch.startsWith('1.') ? [false, true] : [false]
  return MODES[device].flatMap(mode =>
    LAYOUTS.flatMap(layout =>
      compiled.map(each => ({ python: path, device, mode, layout, compiled: each, original: false })),
    ),
  )
}

/** Ours in every precision, then PyTorch in every mode. A failure becomes a line with its reason. */
export async function benchTuned(request: PeerRequest): Promise<TunedReport> {
  const { words, pythons } = request
  const named = words.find(word => word.startsWith('compute.precision='))
  const precisions = named ? [named.slice('compute.precision='.length)] : OUR_PRECISIONS
  const ours: TunedLine[] = []
  for (const precision of precisions) ours.push(await oursIn(precision, request))
  const peers: TunedLine[] = []
  for (const python of pythons.found)
    for (const settings of settingsOf(python)) peers.push(await peerIn(python, settings, request))
  return { ours, peers, missing: pythons.missing }
}

function oursIn(precision: string, request: PeerRequest): Promise<TunedLine> {
  const words = request.words.length > 0 ? request.words : ['with']
  const run = () => runOurs({ ...request, words: [...words, `compute.precision=${precision}`] })
  return lineOf({ who: 'ours', mode: precision, device: '' }, request, run, (report: StepReport) => ({
    device: report.adapter,
    step_s: report.step_s,
    peak_bytes: report.process_peak_bytes ?? report.peak_bytes,
  }))
}

function peerIn({ torch }: Python, settings: OracleSettings, request: PeerRequest): Promise<TunedLine> {
  const { device, mode, layout, compiled } = settings
  const run = () => runOracle(settings, request)
  const line = { who: `torch ${torch}`, device, mode, layout, compiled }
  return lineOf(line, request, run, ({ median_s, peak_bytes }: OracleResult) => ({ step_s: median_s, peak_bytes }))
}

async function lineOf<T>(
  line: TunedLine,
  { once, say }: PeerRequest,
  run: () => Promise<T>,
  figures: (result: T) => Partial<TunedLine>,
): Promise<TunedLine> {
  const { who, mode, layout = '', compiled } = line
  const name = [who, mode, layout, compiled ? 'compiled' : ''].filter(word => word !== '').join(' ')
  say(`  ${name}`)
  try {
    const measured = { ...line, ...figures(await once(name, run)) }
    say(`  ${name}: ${short(measured.step_s!)} s per step`)
    return measured
  } catch (error) {
    if (!(error instanceof ChildError)) throw error
    say(`  ${name}: ${error.message}`)
    return { ...line, failed: error.message }
  }
}

/** `ours`: our times by precision, the baseline. */
export function tunedColumns(ours: readonly TunedLine[]): Column<TunedLine>[] {
  const ratio = ({ mode, step_s: own }: TunedLine): Column<TunedLine> => ({
    title: `ours ${mode} is faster ×`,
    value: ({ who, step_s }) => (own && step_s && who !== 'ours' ? short(step_s / own) : undefined),
  })
  return [
    { title: '', value: ({ who }) => who },
    { title: 'device', value: ({ device }) => device },
    { title: 'mode', value: ({ mode }) => mode },
    { title: 'layout', value: ({ layout }) => layout },
    { title: 'compile', value: ({ compiled }) => (compiled === undefined ? undefined : compiled ? 'yes' : 'no') },
    { title: 's per step', value: ({ step_s }) => step_s && short(step_s) },
    { title: 'peak GB', value: ({ peak_bytes }) => peak_bytes && short(peak_bytes / 1e9) },
    ...ours.filter(({ step_s }) => step_s !== undefined).map(ratio),
    { title: '', value: ({ failed }) => failed },
  ]
}

export function tunedText({ ours, peers, missing }: TunedReport): string {
  return [
    textTable([...ours, ...peers], tunedColumns(ours)),
    ...missing.map(({ python, reason }) => `not measured: ${python}: ${reason}`),
  ].join('\n')
}
