import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { evaluate } from '../../src/evaluate/evaluate.ts'
import { Device } from '../../src/gpu/device.ts'
import { parseMongoAddress } from '../../src/track/mongo/address.ts'
import { MongoRun } from '../../src/track/mongo/run.ts'
import { openSession } from '../../src/train/session.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { writeSmallModel } from '../predict/small_model.ts'
import { SMALL, STRUCTURES, smallDataset, trainHere } from './training_here.ts'

const root = temporaryDirectory()
const dataset = await smallDataset(join(root, 'dataset'), 2, 1)
const TOO_SMALL = { maxBufferBytes: 2 ** 12 }

/** every device opened and every thread started in a test */
let devices: Device[] = []
let threads: Worker[] = []
const started = (worker: Worker): void => void threads.push(worker)
process.on('worker', started)
afterAll(() => void process.off('worker', started))
beforeEach(() => {
  devices = []
  threads = []
})
afterEach(() => vi.restoreAllMocks())

/** Lowers the limits of the devices that are opened from now on. */
function limitDevices(limits: Parameters<typeof Device.open>[1]): void {
  const open = Device.open.bind(Device)
  vi.spyOn(Device, 'open').mockImplementation(async (wanted, options) => {
    const device = await open(wanted, { ...options, ...limits })
    devices.push(device)
    return device
  })
}

function configOf(...words: string[]) {
  return loadConfig({ overrides: [...SMALL, `dataset_path=${dataset}`, 'training.num_workers=2', ...words] }).config
}

async function expectClosed({ deviceCount }: { deviceCount: number }): Promise<void> {
  expect(devices).toHaveLength(deviceCount)
  for (const { gpu } of devices)
    expect(await Promise.race([gpu.lost.then(({ reason }) => reason), delay(600_000, 'alive')])).toBe('destroyed')
  for (const { threadId } of threads) expect(threadId).toBe(-1) // what an ended thread has
}

test('a session whose engine does not fit closes its device and ends its decoding threads', async () => {
  limitDevices(TOO_SMALL)
  const opening = openSession(configOf(), { say: () => undefined })
  await expect(opening).rejects.toThrow(/^training\.batch_size is 1: .* cannot hold it .*; not even one sample fits$/)
  expect(threads.length).toBeGreaterThan(0)
  await expectClosed({ deviceCount: 1 })
})

test('a run whose database record cannot be opened has failed in the record that it has', async () => {
  const folder = join(root, 'no database')
  vi.spyOn(MongoRun, 'open').mockRejectedValue(new Error('the driver failed'))
  const words = [`dataset_path=${dataset}`, ...SMALL, 'training.num_epochs=1']
  const mongo = parseMongoAddress('localhost:1:sacred')
  await expect(trainHere(folder, words, false, { mongo })).rejects.toThrow('the driver failed')
  const { status, fail_trace } = JSON.parse(readFileSync(join(folder, 'runs', '1', 'run.json'), 'utf8'))
  expect(status).toBe('FAILED')
  expect(fail_trace.join('')).toContain('the driver failed')
})

test('a session without a device ends its decoding threads', async () => {
  const opening = openSession(configOf('compute.adapter=no such card'), { say: () => undefined })
  await expect(opening).rejects.toThrow(/adapter "no such card"/)
  expect(threads.length).toBeGreaterThan(0)
  await expectClosed({ deviceCount: 0 })
})

test('an open session has its device and threads until it is closed', async () => {
  limitDevices({})
  const session = await openSession(configOf(), { say: () => undefined })
  expect(devices[0]!.allocated).toBeGreaterThan(0)
  expect(threads[0]!.threadId).toBeGreaterThan(0)
  await session.close()
  expect(devices[0]!.allocated).toBe(0)
  await expectClosed({ deviceCount: 1 })
})

test('an evaluation whose engine does not fit closes its device', async () => {
  const weights = join(root, 'model.pth')
  writeSmallModel(weights, STRUCTURES, { size: [32, 16, 16], inChannels: 1 })
  limitDevices(TOO_SMALL)
  const request = { config: configOf(), weights, dataset, split: 'val' as const, output: join(root, 'results') }
  const evaluating = evaluate({ ...request, say: () => undefined, progress: () => undefined })
  await expect(evaluating).rejects.toThrow(/cannot hold even one sample/)
  await expectClosed({ deviceCount: 1 })
})
