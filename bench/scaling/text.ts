import { percent, short, textTable } from '../table.ts'
import type { ScalingReport } from './scaling.ts'

interface Row {
  what: string
  count: number
  seconds: number
  /** seconds of the same work without an exchange */
  apart?: number
}

export function scalingText({ ranks, cores, one, several, torch }: ScalingReport): string {
  const {
    adapter,
    batch_size: batch,
    apart_s: apart,
    together_s,
    exchange_s,
    hidden,
    hidden_expected,
    sent_bytes,
  } = several
  const rows: Row[] = [
    { what: 'one rank', count: 1, seconds: one.apart_s },
    { what: `${ranks} processes that know nothing of each other`, count: ranks, seconds: apart },
  ]
  if (together_s !== undefined) rows.push({ what: `${ranks} ranks`, count: ranks, seconds: together_s, apart })
  if (torch)
    rows.push(
      { what: `torch ${torch.torch}, ${ranks} processes`, count: ranks, seconds: torch.apart_s },
      { what: 'DistributedDataParallel (gloo)', count: ranks, seconds: torch.together_s, apart: torch.apart_s },
    )
  const lines = [
    `${adapter}, ${cores} cores, ${batch} sample${batch === 1 ? '' : 's'} a rank`,
    textTable(rows, [
      { title: '', value: ({ what }) => what },
      { title: 's per update', value: ({ seconds }) => short(seconds) },
      { title: 'samples/s', value: ({ count, seconds }) => short((count * batch) / seconds) },
      { title: 'of those apart', value: row => row.apart && percent(row.apart / row.seconds) },
    ]),
  ]
  if (exchange_s !== undefined)
    lines.push(
      `exchange ${short(exchange_s)} s by itself, of which ${percent(hidden!)} are hidden (expected: ${percent(hidden_expected!)}); ${short(sent_bytes! / 1e6)} MB leave each rank`,
    )
  return lines.join('\n')
}
