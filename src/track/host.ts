import { execFileSync } from 'node:child_process'
import { cpus, hostname, release, type as systemName, totalmem, version } from 'node:os'
import type { JsonObject } from '../config/json.ts'

/** The adapter that computes, as the record describes it. */
export interface RecordedAdapter {
  model: string
  driver: string
  /** WebGPU's name, e.g. 'nvidia' */
  vendor?: string
  /** a software adapter, which runs on the CPU */
  software?: boolean
}

/** Environment variables that affect a run or identify its job. No others are recorded: they may hold secrets. */
const ENVIRONMENT = [
  ...['CUDA_VISIBLE_DEVICES', 'NVIDIA_VISIBLE_DEVICES', 'DRI_PRIME', 'MESA_VK_DEVICE_SELECT'],
  ...['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_LOADER_DRIVERS_SELECT', 'VK_LOADER_DRIVERS_DISABLE'],
  ...['LP_NATIVE_VECTOR_WIDTH', 'LP_NUM_THREADS', 'NODE_OPTIONS', 'UV_THREADPOOL_SIZE', 'XDG_CACHE_HOME'],
  ...['SLURM_JOB_ID', 'SLURM_ARRAY_JOB_ID', 'SLURM_ARRAY_TASK_ID', 'SLURM_RESTART_COUNT', 'SLURM_JOB_NODELIST'],
]

/** The `host` part of a record. Its readers require a Python version, so Node's is given there. */
export function describeHost(adapter: RecordedAdapter): JsonObject {
  return {
    hostname: hostname(),
    os: [systemName(), `${systemName()} ${release()} ${version()}`],
    python_version: process.versions.node,
    node_version: process.versions.node,
    cpu: cpus()[0]?.model ?? 'unknown',
    gpus: { driver_version: adapter.driver, gpus: [describeGpu(adapter)] },
    ENV: Object.fromEntries(
      ENVIRONMENT.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
    ),
  }
}

/** WebGPU does not expose the memory of an adapter. A software adapter uses the main memory; for NVIDIA, nvidia-smi reports it. */
function describeGpu({ model, vendor, software }: RecordedAdapter): JsonObject {
  const unknown = { model, persistence_mode: false }
  if (software) return { ...unknown, total_memory: Math.floor(totalmem() / 2 ** 20) }
  return (vendor === 'nvidia' && parseNvidia(askNvidia(), model)) || unknown
}

/**
 * Finds the GPU `model` among the lines `name, memory in MiB, persistence mode`; undefined if it is missing. Dawn's name may continue
 * after the driver's.
 */
export function parseNvidia(lines: string, model: string): JsonObject | undefined {
  for (const line of lines.split('\n')) {
    const [name, memory, persistence] = line.split(',').map(part => part.trim())
    if (!name || !model.includes(name) || !Number.isInteger(Number(memory))) continue
    return { model, total_memory: Number(memory), persistence_mode: persistence === 'Enabled' }
  }
  return undefined
}

function askNvidia(): string {
  const query = ['--query-gpu=name,memory.total,persistence_mode', '--format=csv,noheader,nounits']
  try {
    return execFileSync('nvidia-smi', query, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 10_000 })
  } catch {
    return ''
  }
}
