import type { SubgroupMatrix } from '../graph/kernel.ts'

/** No WebGPU adapter is available. The message is one line with the remedy. */
export class NoAdapterError extends Error {
  override name = 'NoAdapterError'
}

/** The adapter's own description, as plain data. */
export interface AdapterInfo {
  /** e.g. 'nvidia', 'mesa', 'google' */
  vendor: string
  architecture: string
  device: string
  /** driver and version */
  description: string
  subgroupMinSize: number
  subgroupMaxSize: number
  /** supported shapes of subgroup matrices; empty without the feature or a driver that can compile them */
  subgroupMatrices: readonly SubgroupMatrix[]
}

export interface OpenAdapter {
  /** Dawn's instance. If it were garbage-collected while devices exist, the process would die, so adapter.ts keeps a reference too. */
  gpu: GPU
  adapter: GPUAdapter
  /** for display, e.g. 'llvmpipe: Mesa 26.1.6 (LLVM 19.1.7)' */
  name: string
  /** runs on the CPU */
  software: boolean
  info: AdapterInfo
}

/** Mesa's lavapipe (26.1) lists subgroup matrices at any subgroup size, but crashes compiling them unless it is 8, their row count. */
function multipliesMatrices({ vendor, architecture, subgroupMaxSize = 128 }: GPUAdapterInfo): boolean {
  return !(vendor === 'mesa' && architecture === 'software') || subgroupMaxSize === 8
}

/** What an adapter says of itself. */
export function plainInfo(info: GPUAdapterInfo): AdapterInfo {
  const { subgroupMatrixConfigs = [] } = info as GPUAdapterInfo & { subgroupMatrixConfigs?: SubgroupMatrix[] }
  const matrices = multipliesMatrices(info) ? subgroupMatrixConfigs : []
  return {
    vendor: info.vendor,
    architecture: info.architecture,
    device: info.device,
    description: info.description,
    subgroupMinSize: info.subgroupMinSize ?? 4, // WebGPU's bounds for "unknown"
    subgroupMaxSize: info.subgroupMaxSize ?? 128,
    subgroupMatrices: matrices.map(({ componentType, resultComponentType, M, N, K }) => {
      return { componentType, resultComponentType, M, N, K }
    }),
  }
}

/** For display; a hardware adapter by `name`, if that is known. */
export function readableName(info: AdapterInfo, software: boolean, name = info.device): string {
  if (software) return info.description
  return info.description ? `${name} (${info.description})` : name
}
