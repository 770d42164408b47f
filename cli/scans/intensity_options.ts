import { InvalidArgumentError } from 'commander'
import type { ChannelRule } from '../../src/data/import/intensity_rules.ts'
import { CT_WINDOWS } from '../../src/data/scan/intensity.ts'
import { numberOption } from '../options.ts'

const DEVIATIONS = 4

/** `[channel=]low,high` or `[channel=]soft-tissue`; each use of the option adds a rule. */
export function windowRules(text: string, rules: readonly ChannelRule[] = []): ChannelRule[] {
  const { channel, value } = channelAndValue(text)
  const named = CT_WINDOWS[value]
  const [low, high] = named
    ? [named.low, named.high]
    : pairOf(value, `low,high or ${Object.keys(CT_WINDOWS).join(', ')}`)
  if (!(low < high)) throw new InvalidArgumentError('expected low < high')
  return [...rules, { ...channel, rule: { kind: 'window', low, high } }]
}

/** Stands for every channel in `--zscore`. */
export const ALL_CHANNELS = 'all'

/** A channel, or ALL_CHANNELS. */
export function zscoreRules(channel: string, rules: readonly ChannelRule[] = []): ChannelRule[] {
  const rule = { kind: 'zscore', deviations: DEVIATIONS } as const
  return [...rules, channel === ALL_CHANNELS ? { rule } : { channel, rule }]
}

/** `[channel=]low,high` */
export function percentileRules(text: string, rules: readonly ChannelRule[] = []): ChannelRule[] {
  const { channel, value } = channelAndValue(text)
  const [low, high] = pairOf(value, 'low,high')
  if (!(low >= 0 && low < high && high <= 100)) throw new InvalidArgumentError('expected 0 ≤ low < high ≤ 100')
  return [...rules, { ...channel, rule: { kind: 'percentile', low, high } }]
}

function channelAndValue(text: string): { channel: { channel?: string }; value: string } {
  const at = text.lastIndexOf('=')
  return at < 0 ? { channel: {}, value: text } : { channel: { channel: text.slice(0, at) }, value: text.slice(at + 1) }
}

function pairOf(text: string, expected: string): [number, number] {
  const parts = text.split(',')
  if (parts.length !== 2) throw new InvalidArgumentError(`expected ${expected}`)
  return parts.map(numberOption) as [number, number]
}
