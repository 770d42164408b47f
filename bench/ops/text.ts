import { type Column, percent, short, textTable } from '../table.ts'
import type { OpsLine, OpsReport } from './ops.ts'

/** The adapter, precision and clock. */
export function opsHeader({ adapter, precision, clock, skipped, wrong, ...peaks }: OpsReport): string {
  return [
    `adapter  ${adapter}, activations ${precision}`,
    `clock    ${clock}`,
    `peaks    ${short(peaks.peak_gflops)} GFLOP/s multiply-adds, ${short(peaks.copy_gbytes)} GB/s copy by a kernel, ${short(peaks.buffer_copy_gbytes)} GB/s by the adapter`,
    ...skipped.map(({ label, reason }) => `skipped  ${label}: ${reason}`),
    ...wrong.map(({ label, reason }) => `WRONG    ${label}: ${reason}`),
  ].join('\n')
}

/** The line of one finished row. */
export function opsLine({ label, seconds, gflops, gbytes, flops, share, variants }: OpsLine): string {
  const rate = flops > 0 ? `${short(gflops)} GFLOP/s` : `${short(gbytes)} GB/s`
  return `${label}: ${short(seconds * 1000)} ms, ${rate}, ${percent(share)}, ${variantsText(variants)}`
}

export const OPS_COLUMNS: readonly Column<OpsLine>[] = [
  { title: 'row', value: ({ label }) => label },
  { title: 'ms', value: ({ seconds }) => short(seconds * 1000) },
  { title: '±', value: ({ spread }) => percent(spread) },
  { title: 'GFLOP/s', value: ({ flops, gflops }) => (flops > 0 ? short(gflops) : undefined) },
  { title: 'GB/s', value: ({ gbytes }) => short(gbytes) },
  { title: 'of fma peak', value: ({ share, flops }) => (flops > 0 ? percent(share) : undefined) },
  { title: 'of copy', value: ({ copy_share }) => percent(copy_share) },
  { title: 'chosen', value: ({ chosen }) => (chosen ? 'yes' : 'no') },
  { title: 'variants', value: ({ variants }) => variantsText(variants) },
]

export function opsTable({ rows }: OpsReport): string {
  return textTable(rows, OPS_COLUMNS)
}

/** Kernels with a single variant use their own name for it. */
export function variantsText(variants: Record<string, string>): string {
  return Object.entries(variants)
    .map(([kernel, variant]) => (variant === kernel ? kernel : `${kernel}=${variant}`))
    .join(' ')
}
