import { UNDEFINED } from '../../util/statistics.ts'

/** Progress within an epoch. */
export interface EpochProgress {
  /** From 0. */
  epoch: number
  epochs: number
  /** Batches done in the training, or in the validation, of this epoch. */
  batch: number
  batches: number
}

/** Progress of the training after a batch. */
export interface BatchProgress extends EpochProgress {
  /** Loss terms by name, unweighted. */
  terms: Readonly<Record<string, number>>
  /** Weighted sum of the terms. */
  total: number
  learningRate: number
  samplesPerSecond: number
  /** Estimated time to the end of the training; undefined while unknown. */
  secondsLeft: number | undefined
}

/** The results of an epoch. */
export interface EpochSummary {
  /** From 0. */
  epoch: number
  epochs: number
  /** Mean total loss over the training batches. */
  trainLoss: number
  /** Undefined if the epoch was not validated. A metric is undefined if nothing defines it. */
  validation: ({ loss: number } & Record<'presenceAccuracy' | 'hardDice', number | undefined>) | undefined
  isBest: boolean
  seconds: number
}

/** Names of the loss terms on a live line. Other terms keep their key. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  segmentation: 'seg',
  focal_seg: 'focal',
  attention_supervision: 'attn',
  false_positive_suppression: 'fp',
  confidence: 'conf',
}
const BAR = 12 // characters

/** The parts of the live display, most important first. */
export function liveTrainingParts(progress: BatchProgress): string[] {
  const { epoch, epochs, total, terms, learningRate, samplesPerSecond, secondsLeft } = progress
  const named = Object.entries(terms).map(([name, value]) => `${SHORT_NAMES[name] ?? name} ${lossText(value)}`)
  const left = secondsLeft === undefined ? [] : [`${durationText(secondsLeft)} left`]
  const place = `epoch ${epoch + 1}/${epochs} ${barText(progress)}`
  return [
    place,
    `loss ${lossText(total)}`,
    ...left,
    rateText(samplesPerSecond),
    learningRateText(learningRate),
    ...named,
  ]
}

export function liveValidationParts(progress: EpochProgress): string[] {
  return [`epoch ${progress.epoch + 1}/${progress.epochs} ${barText(progress)}`, 'validating']
}

/** A log line about a training batch. It fits 80 columns; the metrics of the run have every loss term. */
export function trainingLine(progress: BatchProgress): string {
  const { epoch, epochs, batch, batches, total, learningRate, samplesPerSecond, secondsLeft } = progress
  const left = secondsLeft === undefined ? [] : [`${durationText(secondsLeft)} left`]
  const place = `epoch ${epoch + 1}/${epochs}  batch ${batch}/${batches}`
  const parts = [place, `loss ${lossText(total)}`, learningRateText(learningRate), rateText(samplesPerSecond), ...left]
  return parts.join('  ')
}

export function validationLine({ epoch, epochs, batch, batches }: EpochProgress): string {
  return `epoch ${epoch + 1}/${epochs}  validation batch ${batch}/${batches}`
}

/** A line about a finished epoch, losses first. It fits 80 columns and ends with `best` if the epoch is the best so far. */
export function epochLine({ epoch, epochs, trainLoss, validation, isBest, seconds }: EpochSummary): string {
  const parts = [`epoch ${epoch + 1}/${epochs}`, `train ${lossText(trainLoss)}`]
  if (validation) {
    const { loss, presenceAccuracy, hardDice } = validation
    parts.push(`val ${lossText(loss)}`, `presence ${percentText(presenceAccuracy)}`)
    parts.push(`Dice ${hardDice?.toFixed(3) ?? UNDEFINED}`)
  }
  parts.push(durationText(seconds))
  if (isBest) parts.push('best')
  return parts.join('  ')
}

function percentText(share: number | undefined): string {
  return share === undefined ? UNDEFINED : `${(100 * share).toFixed(0)} %`
}

/** Fills at most `lines` lines of `width` characters, and drops the parts that do not fit. */
export function fitParts(parts: readonly string[], width: number, lines: number): string[] {
  const fitted: string[] = []
  for (const part of parts) {
    const last = fitted.at(-1)
    if (last !== undefined && last.length + 2 + part.length <= width) fitted[fitted.length - 1] = `${last}  ${part}`
    else if (fitted.length < lines) fitted.push(part.slice(0, width))
    else break
  }
  return fitted
}

/** Formats a duration in its two largest units, e.g. `2 h 05 min`; below ten seconds, with tenths. */
export function durationText(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const units: [name: string, seconds: number][] = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ]
  const first = units.findIndex(([, size]) => whole >= size)
  const [large, small] = [units[first]!, units[first + 1]!]
  const rest = Math.floor((whole % large[1]) / small[1])
  return `${Math.floor(whole / large[1])} ${large[0]} ${String(rest).padStart(2, '0')} ${small[0]}`
}

/** Formats a loss with three significant digits; very large or small values get an exponent. */
function lossText(value: number): string {
  const size = Math.abs(value)
  if (!Number.isFinite(value) || size === 0) return String(value)
  return size >= 1000 || size < 1e-3 ? value.toExponential(1) : value.toPrecision(3)
}

function rateText(samplesPerSecond: number): string {
  const digits = samplesPerSecond >= 100 ? samplesPerSecond.toFixed(0) : samplesPerSecond.toPrecision(3)
  return `${digits} samples/s`
}

function learningRateText(rate: number): string {
  return `lr ${rate.toExponential(1)}`
}

function barText({ batch, batches }: EpochProgress): string {
  const filled = Math.round((BAR * batch) / batches)
  return `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${batch}/${batches}`
}
