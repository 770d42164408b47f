import { Device } from '../src/gpu/device.ts'

/*
 * A software adapter takes seconds to compile the kernels of a training, and Dawn forgets them with the device. Tests whose subject is
 * not the opening of a device therefore share one in their process.
 */

const devices = new Map<string, Promise<Device>>()

/** Runs `work`; what it opens of a device stays open, with all pipelines made so far, for the next `work`. */
export async function onOneDevice<T>(work: () => Promise<T>, of: typeof Device = Device): Promise<T> {
  const open = of.open
  of.open = (...request) => {
    const key = JSON.stringify(request)
    const device = devices.get(key) ?? open.apply(of, request).then(opened => keepOpen(key, opened))
    devices.set(key, device)
    return device.then(asOpened)
  }
  try {
    return await work()
  } finally {
    of.open = open
  }
}

/** Closing a device gives back what is still allocated on it. */
function asOpened(device: Device): Device {
  device.allocated = 0
  return device
}

function keepOpen(key: string, device: Device): Device {
  keepPipelines(device)
  device.close = () => undefined
  device.gpu.lost.then(() => devices.delete(key))
  return device
}

/** Dawn hands a pipeline out again where an equal one is alive: none is collected any more. */
export function keepPipelines({ gpu }: Device): void {
  const kept: GPUComputePipeline[] = []
  const create = gpu.createComputePipelineAsync.bind(gpu)
  gpu.createComputePipelineAsync = async descriptor => {
    const pipeline = await create(descriptor)
    kept.push(pipeline)
    return pipeline
  }
}
