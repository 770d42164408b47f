import type { KernelTime } from '../../src/plan/runner.ts'
import { formatBytes } from '../../src/run/memory.ts'
import { variantsText } from '../ops/text.ts'
import { percent, short, textTable } from '../table.ts'
import type { FirstStep } from './run.ts'
import type { StepReport } from './step.ts'

const seconds = (value: number): string => `${short(value)} s`

export function stepText(report: StepReport): string {
  const lines = [
    ['adapter', report.adapter],
    [
      'step',
      `${report.structures} structures, ${report.size.join('×')}, batch ${report.batch_size}, channels ${report.channels.join(', ')}, ${report.precision}`,
    ],
    ['time', `${seconds(report.step_s)} per step, ${short(report.samples_per_s)} samples/s`],
    ['rate', `${short(report.gflops)} GFLOP/s over the step, ${report.dispatches} dispatches`],
    ['first step', firstText(report.first_step_s)],
    ['memory', memoryText(report)],
    [
      'host',
      `encode and submit ${seconds(report.encode_s)}, ${percent(report.encode_share)} of a step; upload ${seconds(report.upload_s)} of ${formatBytes(report.upload_bytes)}`,
    ],
    [
      'pipeline',
      `${report.overlapped} of ${report.steps - 1} steps submitted while the previous one ran, ${report.submits_per_step} submits per step`,
    ],
    ['loader', `waited for ${percent(report.loader_wait_share)} of the time`],
    ['created', `${report.objects_per_step} objects per step; recorded: ${countsText(report.recorded_per_step)}`],
    ['variants', variantsText(report.variants)],
  ]
  const text = lines.map(([name, value]) => `${name!.padEnd(11)}${value}`).join('\n')
  return report.profile ? `${text}\n\n${profileTable(report.profile)}` : text
}

function firstText({ open, plan, values, pipelines, step, total }: FirstStep): string {
  const parts = Object.entries({ open, plan, values, pipelines, step })
  return `${seconds(total)}: ${parts.map(([name, value]) => `${name} ${seconds(value)}`).join(', ')}`
}

function countsText(counts: Record<string, number>): string {
  return Object.entries(counts)
    .map(([method, count]) => `${count} ${method}`)
    .join(', ')
}

function memoryText({ peak_bytes, process_peak_bytes }: StepReport): string {
  const buffers = `${formatBytes(peak_bytes)} in buffers`
  return process_peak_bytes === null ? buffers : `${buffers}, the whole process ${formatBytes(process_peak_bytes)}`
}

interface ProfileLine {
  label: string
  shader: string
  seconds: number
  flops: number
  count: number
}

/** One line per kernel and layer, slowest first. Each dispatch ran in isolation. */
export function profileTable(times: readonly KernelTime[]): string {
  const lines = new Map<string, ProfileLine>()
  for (const { label, shader, seconds: taken, flops } of times) {
    const line = lines.get(`${label} ${shader}`) ?? { label, shader, seconds: 0, flops: 0, count: 0 }
    lines.set(`${label} ${shader}`, {
      ...line,
      seconds: line.seconds + taken,
      flops: line.flops + flops,
      count: line.count + 1,
    })
  }
  const total = times.reduce((sum, time) => sum + time.seconds, 0)
  const slowestFirst = [...lines.values()].sort((a, b) => b.seconds - a.seconds)
  return textTable(slowestFirst, [
    { title: 'label', value: line => line.label },
    { title: 'shader', value: line => line.shader },
    { title: 'dispatches', value: line => line.count },
    { title: 'ms', value: line => short(line.seconds * 1000) },
    { title: 'GFLOP/s', value: line => (line.flops > 0 ? short(line.flops / line.seconds / 1e9) : undefined) },
    { title: 'share', value: line => percent(line.seconds / total) },
  ])
}
