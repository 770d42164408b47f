import { ourJson } from '../processes.ts'
import { short, textTable } from '../table.ts'

/** A 3³ convolution for both sides. */
export interface TfjsShape {
  samples: number
  inputs: number
  outputs: number
  volume: readonly [number, number, number]
}

/** Wall-clock seconds of ours and tfjs-backend-webgpu, measured in turn on one adapter. */
export interface TfjsReport extends TfjsShape {
  adapter: string
  /** 2 · multiply-adds of the forward pass; forward and backward together take three times as many */
  flops: number
  forward: { ours_s: number; tfjs_s: number; ratio: number }
  forward_backward: { ours_s: number; tfjs_s: number; ratio: number }
}

/** Runs the comparison in a separate process, because tfjs needs a browser's globals. Throws ChildError without its packages. */
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
