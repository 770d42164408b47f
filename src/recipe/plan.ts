import { availableMemory } from 'node:process'
import { type Config, configSchema } from '../config/schema.ts'
import { type Device, OutOfMemoryError } from '../gpu/device.ts'
import { BindingLimitError } from '../graph/tensor.ts'
import { formatBytes, totalOf } from '../run/memory.ts'
import { TrainingEngine } from '../train/engine.ts'
import { planTraining } from '../train/training_plans.ts'
import { InputError } from '../util/error.ts'
import {
  accumulationFor,
  type Decision,
  MANY_PASSES,
  modelDecisions,
  type RunLength,
  runDecisions,
  treeOf,
} from './decisions.ts'
import { type Candidate, candidatesFor, expectedLoss, ranked } from './frame.ts'
import type { Material, SampleCounts } from './material.ts'
import { measurePace, type Pace, samplesToMeasure } from './pace.ts'
import { SampleTime } from './sample_time.ts'

/** Hours for a run if none are given: enough to see whether a task can be learned. */
const DEFAULT_HOURS = { software: 2, gpu: 8 }
/** More passes than nnU-Net's thousand gain nothing. */
const MOST_EPOCHS = 1000
/** Share of a run that validation may take. */
const VALIDATION_SHARE = 0.1
/** Of the machine's free memory, for a software adapter; loading, pictures and the system need the rest. */
const MEMORY_SHARE = 0.6
/** One sample's images and masks are read as one chunk of at most this many bytes. */
const LARGEST_CHUNK = 2 ** 28
const BATCHES = { software: [4, 2, 1], gpu: [8, 4, 2, 1] }
/** With fewer updates an epoch a smaller batch learns more. */
const UPDATES_AN_EPOCH = 4
/** Voxels per second before anything is measured; only the first candidate depends on it. */
const FIRST_GUESS = { software: 200_000, gpu: 20_000_000 }
/** A slower or faster pace may make another frame the best; then that one is measured. */
const MOST_MEASUREMENTS = 3

/** Of a run whose length is not known yet; beside its augmentation, nothing of it decides the memory or the time of a step. */
const ONE_EPOCH: RunLength = { epochs: 1, updatesPerEpoch: 1, validateEvery: 1, reason: '', isRepetitive: false }

export interface Plan {
  candidate: Candidate
  counts: SampleCounts
  batchSize: number
  /** that the whole run may take, and whether somebody gave them */
  hours: number
  isGiven: boolean
  epochs: number
  pace: Pace
  /** seconds that the run will take */
  seconds: number
  decisions: readonly Decision[]
  /** the Dice that resolution and time are expected to cost */
  expectedLoss: number
}

export type PlanProgress = (line: string) => void

/** Plans a run on this adapter. Throws InputError if the adapter cannot hold one sample, or the hours hold no epoch. */
export async function planRun(
  device: Device,
  material: Material,
  { hours: given, say }: { hours: number | undefined; say: PlanProgress },
): Promise<Plan> {
  const kind = device.facts.software ? 'software' : 'gpu'
  const hours = given ?? DEFAULT_HOURS[kind]
  const candidates = candidatesFor(material)
  const fitting = new FittingBatches(device, material)
  const seconds = hours * 3600
  const { scans } = material.fingerprint
  const measured: Measured[] = []
  let sample = SampleTime.guessed(FIRST_GUESS[kind])
  for (;;) {
    const isLast = measured.length === MOST_MEASUREMENTS
    const open = isLast ? measured.map(({ plan }) => plan.candidate) : candidates
    const plan = await fitting.first(ranked(open, { seconds, sample, scans }))
    const passes = seconds / (sample.secondsFor(plan.candidate.voxels) * plan.counts.training)
    const isRepetitive = Math.min(passes, MOST_EPOCHS) >= MANY_PASSES
    const known = measured.findLast(
      each => each.plan.candidate === plan.candidate && (isLast || each.isRepetitive === isRepetitive),
    )
    if (known) return scheduled(device, material, known, { hours, isGiven: given !== undefined, sample })
    say(`measuring ${plan.candidate.form.size.join('×')} at batch size ${plan.batchSize}`)
    const run = runDecisions(device, material, { ...ONE_EPOCH, isRepetitive })
    const pace = await paceOf(material, plan, [...modelDecisions(device, material, plan), ...run])
    measured.push({ plan, pace, isRepetitive })
    sample = SampleTime.measured(
      measured.map(({ plan, pace }) => ({ voxels: plan.candidate.voxels, seconds: pace.step / plan.batchSize })),
    )
  }
}

/** What was measured, and with which augmentation. */
interface Measured {
  plan: Fitted
  pace: Pace
  isRepetitive: boolean
}

interface Fitted {
  candidate: Candidate
  batchSize: number
  counts: SampleCounts
}

function paceOf(material: Material, { candidate, batchSize }: Fitted, decisions: readonly Decision[]): Promise<Pace> {
  return material.withDataset(candidate.form, samplesToMeasure(batchSize), ({ directory }) => {
    return measurePace(configOf(decisions, directory))
  })
}

function configOf(decisions: readonly Decision[], directory?: string): Config {
  const tree = treeOf(decisions)
  return configSchema.parse({ ...tree, ...(directory !== undefined && { dataset_path: directory }) })
}

function scheduled(
  device: Device,
  material: Material,
  { plan, pace, isRepetitive }: Measured,
  { hours, isGiven, sample }: { hours: number; isGiven: boolean; sample: SampleTime },
): Plan {
  const { counts, batchSize, candidate } = plan
  const budget = hours * 3600
  const batches = Math.floor(counts.training / batchSize)
  const updatesPerEpoch = Math.ceil(batches / accumulationFor(batchSize))
  const training = batches * pace.step
  const validation = Math.ceil(counts.validation / batchSize) * pace.validation
  const validateEvery = Math.max(1, Math.ceil(validation / (training * (VALIDATION_SHARE / (1 - VALIDATION_SHARE)))))
  const secondsFor = (epochs: number): number =>
    pace.opening + epochs * training + Math.ceil(epochs / validateEvery) * validation
  const most = Math.floor((budget - pace.opening) / (training + validation / validateEvery))
  if (most < 1) {
    const least = Math.ceil((secondsFor(1) / 3600) * 1000) / 1000
    throw new InputError(
      `--hours ${hours}: opening and one epoch take ${Math.ceil(secondsFor(1))} s on ${pace.adapter}, expected at least ${least} hours`,
    )
  }
  const epochs = Math.min(MOST_EPOCHS, most)
  const seconds = secondsFor(epochs)
  const reason =
    epochs < most
      ? `more than ${MOST_EPOCHS} passes gain nothing, so the run ends before its ${hours} hours`
      : `what ${hours} hours hold at ${pace.step.toPrecision(3)} s a step, as measured`
  const decisions = [
    ...modelDecisions(device, material, plan),
    ...runDecisions(device, material, { epochs, updatesPerEpoch, validateEvery, reason, isRepetitive }),
  ]
  const loss = expectedLoss(candidate, { seconds, sample, scans: material.fingerprint.scans })
  return { candidate, counts, batchSize, hours, isGiven, epochs, pace, seconds, decisions, expectedLoss: loss }
}

/** Finds batch sizes that the adapter can hold, and remembers them: planning a step takes a second. */
class FittingBatches {
  private readonly known = new Map<Candidate, number>()
  private readonly device: Device
  private readonly material: Material
  private reason = ''

  constructor(device: Device, material: Material) {
    this.device = device
    this.material = material
  }

  /** The first candidate of which at least one sample fits. Throws InputError if none does. */
  async first(candidates: readonly Candidate[]): Promise<Fitted> {
    for (const candidate of candidates) {
      const counts = this.material.count(candidate.form)
      const batchSize = this.known.get(candidate) ?? (await this.largest(candidate, counts))
      this.known.set(candidate, batchSize)
      if (batchSize > 0) return { candidate, batchSize, counts }
    }
    throw new InputError(`configure: ${this.device.name} cannot hold even one sample of any size (${this.reason})`)
  }

  private async largest(candidate: Candidate, counts: SampleCounts): Promise<number> {
    const { material } = this
    const bytes = Math.max(4 * material.channels, material.structureNames.length) * candidate.voxels
    if (bytes > LARGEST_CHUNK) return 0
    const sizes = this.device.facts.software ? BATCHES.software : BATCHES.gpu
    const useful = sizes.filter(size => size * UPDATES_AN_EPOCH <= counts.training)
    const wanted = useful.length > 0 ? useful : [Math.min(counts.training, 2)]
    for (const size of wanted) if (await this.fits(candidate, counts, size)) return size
    return 0
  }

  private async fits(candidate: Candidate, counts: SampleCounts, batchSize: number): Promise<boolean> {
    const { device, material } = this
    const isSingle = batchSize === 1 && candidate.form.size.every(axis => axis === 16)
    if (isSingle) return false // batch statistics need two values at the lowest level
    const model = modelDecisions(device, material, { candidate, batchSize, counts })
    const config = configOf([...model, ...runDecisions(device, material, ONE_EPOCH)])
    const { channels, features } = config.model
    const shape = {
      ...{ structures: material.structureNames.length, size: candidate.form.size },
      ...{ inChannels: material.channels, channels, features: features ?? undefined },
    }
    const spec = { config, shape, structureNames: material.structureNames, batchSize }
    try {
      const need = totalOf(planTraining(device.facts, spec).need)
      if (device.facts.software && need > MEMORY_SHARE * availableMemory()) {
        this.reason = `${formatBytes(need)}, the machine has ${formatBytes(availableMemory())} free`
        return false
      }
      await TrainingEngine.rehearse(device, spec)
      return true
    } catch (error) {
      if (!(error instanceof OutOfMemoryError || error instanceof BindingLimitError)) throw error
      this.reason = error.message
      return false
    }
  }
}
