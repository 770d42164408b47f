import { readSync } from 'node:fs'
import type { LoadedConfig } from '../../src/config/load.ts'
import type { Dataset } from '../../src/data/dataset/dataset.ts'
import type { Split } from '../../src/data/dataset/split.ts'
import { Decoder } from '../../src/data/loader/decoder.ts'
import { Decoders, usefulThreads } from '../../src/data/loader/decoders.ts'
import { Loader } from '../../src/data/loader/loader.ts'
import { withInput } from '../../src/util/files/input_file.ts'
import { sizeOf } from '../../src/util/shape.ts'
import { summarise } from '../clock.ts'
import { StepRun } from '../step/run.ts'
import { type Workload, withTemporaryDataset, workloadOf } from '../workload.ts'

export interface LoaderRequest {
  loaded: LoadedConfig
  /** step time for comparison; measured by default */
  stepSeconds?: number
  /** of the synthetic dataset */
  samples: number
  /** the loader runs at least this long and at least one epoch */
  seconds: number
}

export interface LoaderReport {
  dataset: string
  samples: number
  size: readonly number[]
  structures: number
  batch_size: number
  /** size of the training split's file */
  file_bytes: number
  /** the loader with training.num_workers; batches are discarded */
  samples_per_s: number
  /** the same with other numbers of threads */
  by_threads: ThreadsRow[]
  /** plain decoding in one thread, sample by sample */
  decode_floor_samples_per_s: number
  /** plain reading of the file from a warm file cache, as after the first epoch */
  disk_floor_samples_per_s: number
  disk_bytes_per_s: number
  /** samples_per_s relative to the slower floor */
  share_of_floor: number
  step_s: number
  /** share of time that a GPU would idle because of the loader alone: max(0, 1 − step_s / batch_s) */
  gpu_idle_share: number
}

export interface ThreadsRow {
  /** 0: the calling thread */
  threads: number
  samples_per_s: number
  /** of all threads of this process */
  processor_s_per_sample: number
  /** peak size of the loader's batches */
  host_bytes: number
}

const THREADS = [0, 1, 2, 4]
const READ_BYTES = 2 ** 20

/** Measures the loader against its lower bounds, decoding and reading. Throws InputError on a dataset that does not open or fit. */
export async function benchLoader(request: LoaderRequest): Promise<LoaderReport> {
  const workload = await workloadOf(request.loaded)
  const { dataset, shape } = workload
  if (dataset) return measure(request, workload, dataset, dataset.directory)
  const samples = Math.max(request.samples, workload.batchSize)
  return withTemporaryDataset(shape, samples, made => measure(request, workload, made, 'synthetic'))
}

async function measure(
  { seconds, stepSeconds }: LoaderRequest,
  workload: Workload,
  dataset: Dataset,
  name: string,
): Promise<LoaderReport> {
  const split = dataset.splits.train!
  const { shape, batchSize, config } = workload
  const disk = readRate(split.path, seconds)
  const decode = await decodeRate(split, workload, seconds)
  const configured = await loaderRate(split, workload, seconds, usefulThreads(config.training.num_workers, batchSize))
  const loaded = configured.samples_per_s
  const rows: ThreadsRow[] = []
  for (const threads of THREADS.filter(wanted => usefulThreads(wanted, batchSize, wanted) === wanted))
    rows.push(await loaderRate(split, workload, seconds, threads))
  const step = stepSeconds ?? (await measuredStep(workload))
  const diskSamples = (disk.bytesPerSecond / disk.bytes) * split.samples
  return {
    dataset: name,
    samples: split.samples,
    size: shape.size,
    structures: shape.structures,
    batch_size: batchSize,
    file_bytes: disk.bytes,
    samples_per_s: loaded,
    by_threads: rows,
    decode_floor_samples_per_s: decode,
    disk_floor_samples_per_s: diskSamples,
    disk_bytes_per_s: disk.bytesPerSecond,
    share_of_floor: loaded / Math.min(decode, diskSamples),
    step_s: step,
    gpu_idle_share: Math.max(0, 1 - (step * loaded) / batchSize),
  }
}

/** Seconds of the shortest of at least two repetitions of `body` in `seconds`, after a warm-up. */
async function shortest(seconds: number, body: () => unknown): Promise<number> {
  const started = performance.now()
  await body()
  let best = Number.POSITIVE_INFINITY
  do {
    const begun = performance.now()
    await body()
    best = Math.min(best, (performance.now() - begun) / 1000)
  } while (performance.now() - started < seconds * 1000)
  return best
}

/** Repeated reads; the first one fills the file cache and is not counted. */
function readRate(path: string, seconds: number): { bytes: number; bytesPerSecond: number } {
  const bytes = readAll(path)
  const started = performance.now()
  let read = 0
  do read += readAll(path)
  while (performance.now() - started < seconds * 1000)
  return { bytes, bytesPerSecond: read / ((performance.now() - started) / 1000) }
}

function readAll(path: string): number {
  const buffer = Buffer.alloc(READ_BYTES)
  return withInput(path, file => {
    let total = 0
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer)) total += read
    return total
  })
}

async function decodeRate(split: Split, { shape }: Workload, seconds: number): Promise<number> {
  const voxels = sizeOf(shape.size)
  const image = new Float32Array(shape.inChannels * voxels)
  const maskBits = new Uint32Array((shape.structures * voxels) / 32)
  const decoder = await Decoder.open(split.path, [...shape.size])
  try {
    const epoch = (): void => {
      for (let sample = 0; sample < split.samples; sample++) decoder.decode(sample, image, maskBits)
    }
    return split.samples / (await shortest(seconds, epoch))
  } finally {
    decoder.close()
  }
}

async function loaderRate(
  split: Split,
  { shape, batchSize, config }: Workload,
  seconds: number,
  threads: number,
): Promise<ThreadsRow> {
  const decoders = new Decoders({ threads, cleanupFrequency: config.training.memory_cleanup_frequency, patience: 0 })
  const loader = new Loader({
    split,
    decoders,
    structures: shape.structures,
    batchSize,
    order: 'shuffled',
    seed: config.seed,
    imageSize: [...shape.size],
    dropLast: true,
  })
  const epoch = async (): Promise<void> => {
    for await (const { count } of loader.epoch(0)) if (count !== batchSize) throw new Error('a short batch')
  }
  try {
    while (decoders.threads < threads) await epoch()
    const before = process.cpuUsage()
    let epochs = 0
    const best = await shortest(seconds, () => epoch().then(() => epochs++))
    const { user, system } = process.cpuUsage(before)
    const samples = loader.batchesPerEpoch * batchSize
    return {
      threads,
      samples_per_s: samples / best,
      processor_s_per_sample: (user + system) / 1e6 / (epochs * samples),
      host_bytes: decoders.buffers.bytes,
    }
  } finally {
    await decoders.close()
  }
}

async function measuredStep(workload: Workload): Promise<number> {
  const run = await StepRun.open(workload)
  try {
    const { seconds } = await run.measure(2)
    return summarise(seconds).seconds
  } finally {
    await run.close()
  }
}
