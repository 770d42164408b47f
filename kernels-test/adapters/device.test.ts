import { afterEach, expect, test } from 'vitest'
import { readBuffer, storageBuffer, uploadBuffer } from '../../src/gpu/buffers.ts'
import { Device, DeviceLostError, GpuError, OutOfMemoryError } from '../../src/gpu/device.ts'
import { tensor } from '../../src/graph/tensor.ts'
import type { Plan } from '../../src/plan/plan.ts'
import { SlotPool } from '../../src/plan/runner.ts'
import { Storage } from '../../src/plan/storage.ts'
import { Upload } from '../../src/plan/upload.ts'

const opened: Device[] = []
afterEach(() => {
  for (const device of opened.splice(0)) device.close()
})

async function openDevice(options: Parameters<typeof Device.open>[1] = {}): Promise<Device> {
  const device = await Device.open(undefined, options)
  opened.push(device)
  return device
}

/** Everything that waits for a device. Dawn has most of it succeed on one that is lost. */
const WAITING: Record<string, (device: Device, buffer: GPUBuffer) => Promise<unknown>> = {
  'the mapping of a buffer': (device, buffer) => readBuffer(device, buffer, 0, 4),
  'the end of all work': device => device.idle(),
  'guarded work': device => device.guarded('work', () => undefined),
}

test.each(Object.keys(WAITING))('on a lost device %s fails, says so, and does so again', async name => {
  const device = await openDevice()
  const buffer = storageBuffer(device, 'any', 4)
  const before = device.allocated
  device.gpu.destroy()
  for (const _ of [1, 2]) {
    const failure = await WAITING[name]!(device, buffer).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(DeviceLostError)
    expect((failure as Error).message).toBe(`${device.name}: device lost: device was destroyed`)
  }
  expect(() => device.check()).toThrow(DeviceLostError)
  expect(device.allocated).toBe(before)
})

test('a copy that is under way when the device is lost fails too', async () => {
  const device = await openDevice()
  const reading = readBuffer(device, storageBuffer(device, 'any', 4), 0, 4)
  device.gpu.destroy()
  await expect(reading).rejects.toThrow(/: device lost: /)
})

test.each(['before its inputs are written', 'between two of them', 'before they are submitted'])(
  'a device that is lost %s: the upload goes on, reading back tells of the loss',
  async moment => {
    const device = await openDevice()
    const inputs = ['image', 'seed'].map(name => tensor(name, [64], 'input'))
    const storage = new Storage(device)
    for (const t of inputs) storage.addTensor(t)
    const upload = await Upload.open(device, storage, inputs, 2)
    for (const [i, t] of inputs.entries()) {
      if (moment === ['before its inputs are written', 'between two of them'][i]) device.gpu.destroy()
      upload.write(t, new Float32Array(64).fill(i + 1))
    }
    if (moment === 'before they are submitted') device.gpu.destroy()
    const encoder = device.gpu.createCommandEncoder()
    upload.record(encoder)
    device.gpu.queue.submit([encoder.finish()])
    upload.submitted()
    await expect(storage.read(inputs[0]!)).rejects.toThrow(DeviceLostError)
    upload.destroy()
  },
)

test('a mapping that fails for another reason names its buffer', async () => {
  const device = await openDevice()
  const unmappable = storageBuffer(device, 'weights', 4)
  await expect(device.mapped(unmappable, 4)).rejects.toThrow(GpuError)
  await expect(device.mapped(unmappable, 4)).rejects.toThrow(/weights/)
})

test('the device that its owner closes is not lost', async () => {
  const device = await openDevice()
  device.close()
  await device.gpu.lost
  device.check()
})

test('slots of which one does not fit leave none behind, and neither does a buffer that cannot be mapped', async () => {
  const device = await openDevice({ maxBufferBytes: 2 ** 16 })
  const plan = (...sizes: number[]) => ({ slots: { sizes, slotOf: new Map() } }) as unknown as Plan
  await expect(SlotPool.allocate(device, [plan(256, 2 ** 17)])).rejects.toThrow(OutOfMemoryError)
  expect(() => uploadBuffer(device, 'too large', 2 ** 17)).toThrow(OutOfMemoryError)
  expect(device.allocated).toBe(0)
  const pool = await SlotPool.allocate(device, [plan(256, 2 ** 16)])
  expect(device.allocated).toBe(256 + 2 ** 16)
  pool.destroy()
  expect(device.allocated).toBe(0)
})
