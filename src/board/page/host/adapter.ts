import { NoAdapterError, type OpenAdapter, plainInfo } from '../../../gpu/adapter_info.ts'

/** The browser's best adapter. Throws NoAdapterError with what the user can do. */
export async function openAdapter(): Promise<OpenAdapter> {
  const { gpu } = navigator
  if (!gpu) throw new NoAdapterError('this browser has no WebGPU')
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter)
    throw new NoAdapterError(
      'this browser has WebGPU but finds no GPU that it trusts: switch on hardware acceleration in its settings, update the driver of the GPU, or use sadaan-gpu predict',
    )
  const info = plainInfo(adapter.info)
  const name = [info.vendor, info.architecture, info.device, info.description].filter(word => word !== '').join(' ')
  return { gpu, adapter, name: name || 'the GPU of this browser', software: adapter.info.isFallbackAdapter, info }
}
