import { formatBytes } from '../../src/run/memory.ts'
import { percent, short } from '../table.ts'
import type { LoaderReport } from './loader.ts'

export function loaderText(report: LoaderReport): string {
  const { samples, size, structures, batch_size, file_bytes } = report
  const lines = [
    [
      'data',
      `${report.dataset}: ${samples} samples of ${size.join('×')}, ${structures} structures, ${formatBytes(file_bytes)}`,
    ],
    ['loader', `${short(report.samples_per_s)} samples/s at batch ${batch_size}`],
    ...report.by_threads.map(row => [
      row.threads === 0 ? 'no thread' : `${row.threads} thread${row.threads === 1 ? '' : 's'}`,
      `${short(row.samples_per_s)} samples/s, ${short(row.processor_s_per_sample * 1e3)} ms of CPU time per sample, ${formatBytes(row.host_bytes)} of batches`,
    ]),
    ['decode', `${short(report.decode_floor_samples_per_s)} samples/s, one thread, nothing else`],
    [
      'disk',
      `${short(report.disk_floor_samples_per_s)} samples/s, ${formatBytes(report.disk_bytes_per_s)}/s from the file cache`,
    ],
    ['of floor', percent(report.share_of_floor)],
    ['GPU', `idle for ${percent(report.gpu_idle_share)} of the time, at ${short(report.step_s)} s per step`],
  ]
  return lines.map(([name, value]) => `${name!.padEnd(11)}${value}`).join('\n')
}
