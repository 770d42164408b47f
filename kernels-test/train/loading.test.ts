// full: trains with every way to load batches
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { Device } from '../../src/gpu/device.ts'
import { tensor } from '../../src/graph/tensor.ts'
import { Storage } from '../../src/plan/storage.ts'
import { Upload } from '../../src/plan/upload.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { SMALL, smallDataset, trainHere } from './training_here.ts'

const root = temporaryDirectory()
const dataset = await smallDataset(join(root, 'dataset'), 5, 3)
const words = [...SMALL, `dataset_path=${dataset}`, 'training.num_epochs=2']

/** Whatever loads and uploads the batches, the same training comes of it. */
test('num_workers, pin_memory and memory_cleanup_frequency change no bit of a training', async () => {
  const ways = [
    ['num_workers=0', 'pin_memory=False', 'memory_cleanup_frequency=10'],
    ['num_workers=4', 'pin_memory=False', 'memory_cleanup_frequency=1'],
    ['num_workers=8', 'pin_memory=True', 'memory_cleanup_frequency=2'],
  ]
  const trained = []
  for (const [i, way] of ways.entries()) {
    await trainHere(join(root, `${i}`), [...words, ...way.map(word => `training.${word}`)])
    const { model, optimizer, trainLossHistory } = readCheckpoint(join(root, `${i}`, 'checkpoints', 'last.pth'))
    trained.push({ model, optimizer, trainLossHistory })
  }
  expect(trained[1]).toEqual(trained[0])
  expect(trained[2]).toEqual(trained[0])
})

test.each(['shared', 'ordinary'])(
  'what is uploaded through staging buffers or by the queue arrives: %s memory',
  async memory => {
    const device = await Device.open(process.env.SADAAN_ADAPTER)
    const storage = new Storage(device)
    const [image, words] = [tensor('image', [300], 'input'), tensor('words', [7], 'input', 'u32')]
    for (const t of [image, words]) storage.addTensor(t)
    const memoryOf = (bytes: number) => (memory === 'shared' ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes))
    const before = device.allocated
    for (const depth of [0, 2]) {
      const upload = await Upload.open(device, storage, [image, words], depth)
      const queued = vi.spyOn(device.gpu.queue, 'writeBuffer')
      expect(device.allocated > before).toBe(depth > 0)
      for (let step = 0; step < 5; step++) {
        const numbers = new Float32Array(memoryOf(1200)).fill(step + 10 * depth)
        upload.write(image, numbers)
        upload.write(words, new Uint32Array(memoryOf(28)).fill(step))
        numbers.fill(-1) // the host may go on writing
        if (step === 0) expect(queued).toHaveBeenCalledTimes(depth > 0 ? 0 : 2)
        const encoder = device.gpu.createCommandEncoder()
        upload.record(encoder)
        device.gpu.queue.submit([encoder.finish()])
        upload.submitted()
        if (step === 3) await device.idle() // steps before it find no free buffer
        expect([...new Set(await storage.read(image))]).toEqual([step + 10 * depth])
        expect([...new Set(await storage.readWords(words))]).toEqual([step])
      }
      queued.mockRestore()
      upload.destroy()
      expect(device.allocated).toBe(before)
    }
    storage.destroy()
    device.close()
  },
)

test('without room for staging buffers the queue uploads', async () => {
  const device = await Device.open(process.env.SADAAN_ADAPTER, { maxBufferBytes: 2048 })
  const storage = new Storage(device)
  const tensors = ['a', 'b', 'c'].map(name => tensor(name, [500], 'input'))
  for (const t of tensors) storage.addTensor(t)
  const before = device.allocated
  const upload = await Upload.open(device, storage, tensors, 3)
  expect(device.allocated).toBe(before)
  for (const [i, t] of tensors.entries()) upload.write(t, new Float32Array(500).fill(i))
  for (const [i, t] of tensors.entries()) expect([...new Set(await storage.read(t))]).toEqual([i])
  storage.destroy()
  device.close()
})
