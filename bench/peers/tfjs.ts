import { ourJson } from '../processes.ts'
import { short, textTable } from '../table.ts'

/** A convolution 3³ that both sides compute. */
export interface TfjsShape {
  samples: number
  inputs: number
  outputs: number
  volume: readonly [number, number, number]
}

/** Seconds of ours and of tfjs-backend-webgpu, wall clock, in turn, on one adapter. */
export interface TfjsReport extends TfjsShape {
  adapter: string
  /** multiply-adds · 2 of the forward pass; forward and backward are three times as many */
  flops: number
  forward: { ours_s: number; tfjs_s: number; ratio: number }
  forward_backward: { ours_s: number; tfjs_s: number; ratio: number }
}

/** Runs the comparison in a process of its own: tfjs wants a browser's globals. Throws ChildError when its packages are absent. */
export function benchTfjs(shape: TfjsShape, adapter?: string): Promise<TfjsReport> {
  return ourJson<TfjsReport>('bench/peers/tfjs_process.ts', [JSON.stringify({ ...shape, adapter })])
}

export function tfjsText(report: TfjsReport): string {
  const rows = [
    { pass: 'forward', flops: report.flops, ...report.forward },
    { pass: 'forward + backward', flops: 3 * report.flops, ...report.forward_backward },
  ]
  const rate = (flops: number, seconds: number): number => short(flops / seconds / 1e9)
  const table = textTable(rows, [
    { title: `conv3d ${report.inputs}→${report.outputs}, ${report.volume.join('×')}`, value: ({ pass }) => pass },
    { title: 'tfjs GFLOP/s', value: ({ flops, tfjs_s }) => rate(flops, tfjs_s) },
    { title: 'ours GFLOP/s', value: ({ flops, ours_s }) => rate(flops, ours_s) },
    { title: 'ours is faster ×', value: ({ ratio }) => short(ratio) },
  ])
  return `adapter  ${report.adapter}\n${table}`
}
