import { InputError } from '../../util/error.ts'
import { listed } from '../../util/listing.ts'
import type { NumericArray } from '../hdf5/file.ts'
import { channelsOf } from '../scan/channels.ts'
import { DEFAULT_INTENSITY, percentilesOf } from '../scan/intensity.ts'
import { orientationOf, reorient } from '../scan/orientation.ts'
import type { IntensityRule } from '../scan/preparation.ts'
import { readScan } from '../scan/read_scan.ts'
import type { Scan } from '../scan/scan.ts'
import type { Channel } from '../scan/scan_channels.ts'
import { modalityNamed } from './modality.ts'
import type { LabelFiles } from './pairs.ts'
import type { SurveyedScan } from './surveyed_scan.ts'

/** A requested rule: for one channel, by name or number, or for all. */
export interface ChannelRule {
  channel?: string
  rule: IntensityRule
}

/** nnU-Net's percentiles for CT, of the labelled voxels' Hounsfield units. */
const FOREGROUND_PERCENTILES = [0.5, 99.5]
const SCANS_LOOKED_AT = 20
const VOXELS_A_SCAN = 10_000

/**
 * One rule per channel: the one requested for it, or else for all. By default, a channel that a dataset.json or its files name as CT, whose unit is the same in every scan, gets a window from the 0.5th to the 99.5th percentile of the labelled voxels of up to 20 training scans, like nnU-Net's clipping; any other
 * channel is scaled by percentiles of each scan. Throws InputError for a rule whose channel does not exist and for
 * two rules for the same.
 */
export function rulesFor(
  channels: number,
  asked: readonly ChannelRule[],
  channelNames: readonly string[] | undefined,
  training: readonly SurveyedScan[],
): IntensityRule[] {
  const names = Array.from({ length: channels }, (_, c) => channelNames?.[c] ?? String(c))
  for (const { channel } of asked)
    if (channel !== undefined && !isChannel(channel, names))
      throw new InputError(`no channel '${channel}', expected 0 to ${channels - 1} or ${listed(names)}`)
  const general = only(
    asked.filter(({ channel }) => channel === undefined),
    'all channels',
  )
  return names.map((name, c) => {
    const own = asked.filter(({ channel }) => channel === name || channel === String(c))
    const given = only(own, `channel ${name}`) ?? general
    return given?.rule ?? (modalityNamed(name) === 'CT' ? foregroundWindow(training, c) : DEFAULT_INTENSITY)
  })
}

function only(rules: readonly ChannelRule[], what: string): ChannelRule | undefined {
  if (rules.length > 1)
    throw new InputError(`${rules.length} intensity rules for ${what}, expected one of window, zscore, percentiles`)
  return rules[0]
}

function isChannel(channel: string, names: readonly string[]): boolean {
  return names.includes(channel) || (/^\d+$/.test(channel) && Number(channel) < names.length)
}

function foregroundWindow(training: readonly SurveyedScan[], channel: number): IntensityRule {
  const values = training.slice(0, SCANS_LOOKED_AT).flatMap(scan => labelledValues(scan, channel))
  const [low, high] = percentilesOf(Float64Array.from(values), FOREGROUND_PERCENTILES).map(Math.round)
  if (low === undefined || high === undefined || !(high > low)) return DEFAULT_INTENSITY
  return { kind: 'window', low, high }
}

/** A regular sample of the values under a scan's labels. Empty for an unreadable scan, which its import reports. */
function labelledValues(scan: SurveyedScan, channel: number): number[] {
  try {
    return sampled(scan, channel)
  } catch (error) {
    if (error instanceof InputError) return []
    throw error
  }
}

function sampled({ images, label, source }: SurveyedScan, channel: number): number[] {
  const image = channelAt(images, channel)
  if (!image) return []
  const values = oriented(image.scan, image.values)
  const foreground = foregroundOf(label, source.ignored, values.length)
  const isLabelled = (v: number): boolean => foreground[v] === 1 && Number.isFinite(values[v])
  let labelled = 0
  for (let v = 0; v < values.length; v++) if (isLabelled(v)) labelled++
  const step = Math.max(1, Math.floor(labelled / VOXELS_A_SCAN))
  const chosen: number[] = []
  let seen = 0
  for (let v = 0; v < values.length; v++) if (isLabelled(v) && seen++ % step === 0) chosen.push(values[v]!)
  return chosen
}

/** 1 where any structure is labelled, in RAS order. Of masks, one is in memory at a time. */
function foregroundOf(label: LabelFiles, ignored: number | undefined, voxels: number): Uint8Array {
  const foreground = new Uint8Array(voxels)
  for (const path of label.kind === 'volume' ? [label.path] : label.files.values()) {
    const scan = readScan(path)
    const labels = oriented(scan, scan.values)
    for (let v = 0; v < voxels; v++) if (labels[v] !== 0 && labels[v] !== ignored) foreground[v] = 1
  }
  return foreground
}

function channelAt(images: readonly string[], channel: number): Channel | undefined {
  let c = 0
  for (const each of channelsOf(images)) if (c++ === channel) return each
  return undefined
}

function oriented({ size, affine }: Scan, values: NumericArray): NumericArray {
  return reorient(values, size, orientationOf(affine)).values
}
