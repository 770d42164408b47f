import { expect, test } from 'vitest'
import { listAdapters, matchAdapterName, openAdapter, parseAdapterNames } from '../../src/gpu/adapter.ts'
import { Device } from '../../src/gpu/device.ts'
import { InputError } from '../../src/util/error.ts'

const names = ['NVIDIA GeForce RTX 4090', 'Intel(R) UHD Graphics 770', 'llvmpipe (LLVM 19.1.7, 512 bits)']

test.each([
  ['nvidia', names[0]],
  ['4090', names[0]],
  ['UHD', names[1]],
  [' LLVMpipe ', names[2]],
  ['0', names[0]],
  ['2', names[2]],
  ['3', undefined], // neither the fourth adapter nor the 3 of a name
  ['19', undefined],
  ['radeon', undefined],
  ['', undefined],
])('%j among three adapters', (wanted, name) => {
  expect(matchAdapterName(names, wanted)).toBe(name)
})

test("reads the names of one backend out of Dawn's message", () => {
  const line = (backend: string, name: string) => ` * backend: '${backend}', name: '${name}'\n`
  const twice = line('vulkan', "O'Hara 1").repeat(2)
  const message = `no suitable backends found\nAvailable adapters:\n${twice}${line('opengl', 'A')}${line('vulkan', 'B')}`
  expect(parseAdapterNames(message, 'vulkan')).toEqual(["O'Hara 1", "O'Hara 1", 'B'])
})

test('the best adapter is there, named, and makes a device', async () => {
  const { adapter, name, software, info } = await openAdapter()
  expect(name).not.toBe('')
  expect(info.description).toBe(adapter.info.description)
  expect(software).toBe(adapter.info.isFallbackAdapter)
  expect(JSON.parse(JSON.stringify(info))).toEqual(info)
  const device = await adapter.requestDevice()
  expect(device.limits.maxStorageBuffersPerShaderStage).toBeGreaterThanOrEqual(8)
  expect(GPUBufferUsage.STORAGE).toBe(0x80)
  device.destroy()
})

test('every listed adapter opens by its index', async () => {
  const listed = await listAdapters()
  expect(listed.length).toBeGreaterThan(0)
  for (const [index, { info }] of listed.entries()) expect((await openAdapter(String(index))).info).toEqual(info)
})

test('a name that no adapter has gives one line with those there are', async () => {
  const refusal = await openAdapter('no such adapter').then(
    () => undefined,
    (error: Error) => error,
  )
  expect(refusal).toBeInstanceOf(InputError)
  expect(refusal!.message).toMatch(/^adapter "no such adapter": expected an index or part of a name, one of 0: \S.*$/)
})

test('an adapter without subgroup matrices opens as it is, one with them says their shapes', async () => {
  const { facts, opened } = await Device.open()
  const matrices = opened.adapter.features.has('chromium-experimental-subgroup-matrix' as GPUFeatureName)
  expect(facts.features.has('chromium-experimental-subgroup-matrix')).toBe(matrices)
  const wideLavapipe = opened.info.vendor === 'mesa' && opened.software && facts.subgroupSizes.max !== 8
  expect(facts.subgroupMatrices.length > 0).toBe(matrices && !wideLavapipe)
  expect(facts.subgroupSizes.min).toBeLessThanOrEqual(facts.subgroupSizes.max)
  expect(facts.precision).toBe('f32')
})
