import { expect, test } from 'vitest'
import { assigned, CHOSEN_ADAPTERS, slotsOf } from '../../src/run/rank_adapter.ts'
import { InputError } from '../../src/util/error.ts'

const adapter = (name: string, vendor: string, count = 1) => ({
  name,
  count,
  software: vendor === 'mesa',
  info: {
    ...{ vendor, architecture: '', device: '', description: '' },
    ...{ subgroupMinSize: 4, subgroupMaxSize: 128, subgroupMatrices: [] },
  },
})
const intel = adapter('Arc A770', 'intel')
const nvidia = adapter('H200', 'nvidia')
const other = adapter('L40', 'nvidia')
const twins = adapter('A100', 'nvidia', 2)
const software = adapter('llvmpipe', 'mesa')

test.each([
  ['GPUs before software', [intel, nvidia, software], {}, [0, 1]],
  ['software where there is no GPU', [software], {}, [0]],
  ['two of one name', [intel, twins], {}, [0, 1, 1]],
  ["NVIDIA's second only", [nvidia, intel, other], { CUDA_VISIBLE_DEVICES: '1' }, [1, 2]],
  ["NVIDIA's in another order", [nvidia, other], { CUDA_VISIBLE_DEVICES: '1,0' }, [1, 0]],
  ['none of NVIDIA', [nvidia, intel], { CUDA_VISIBLE_DEVICES: '' }, [1]],
  ["Intel's by oneAPI's selector", [intel, nvidia], { ONEAPI_DEVICE_SELECTOR: 'level_zero:0' }, [1, 0]],
  ['a selector of a vendor that is not there', [software], { CUDA_VISIBLE_DEVICES: '0,1' }, [0]],
  ['those that --gpus names', [intel, nvidia, other], { [CHOSEN_ADAPTERS]: '0,2' }, [0, 2]],
])('ranks may take %s', (_, adapters, environment, expected) => {
  expect(slotsOf(adapters, environment).map(({ index }) => index)).toEqual(expected)
})

test.each([
  [{ CUDA_VISIBLE_DEVICES: '2' }, 'CUDA_VISIBLE_DEVICES=2: there is no GPU 2, expected positions below 2'],
  [
    { CUDA_VISIBLE_DEVICES: 'GPU-8f6' },
    'CUDA_VISIBLE_DEVICES=GPU-8f6: ranks understand positions only, expected e.g. 0,1',
  ],
  [{ [CHOSEN_ADAPTERS]: '7' }, '--gpus: there is no adapter 7; sadaan-gpu doctor lists them'],
])('a selection of what is not there is refused: %j', (environment, message) => {
  expect(() => slotsOf([nvidia, other], environment)).toThrow(new InputError(message))
})

const place = { host: 'node7', localRank: 1, count: 2, isShared: false, isBound: false }

test('each rank of a machine gets another adapter', () => {
  const slots = slotsOf([nvidia, other], {})
  expect([0, 1].map(localRank => assigned(slots, { ...place, localRank }).index)).toEqual([0, 1])
})

test('ranks share adapters in turn, if they may', () => {
  const slots = slotsOf([nvidia, other], {})
  const given = [0, 1, 2].map(localRank => assigned(slots, { ...place, localRank, count: 3, isShared: true }).index)
  expect(given).toEqual([0, 1, 0])
})

test('a rank that its scheduler has bound to one GPU takes that one', () => {
  expect(assigned(slotsOf([nvidia], {}), { ...place, isBound: true }).index).toBe(0)
})

test.each([
  [
    [nvidia],
    /^2 ranks on node7, but 1 adapters \(H200\): start fewer, or let ranks share with compute.share_adapters=True$/,
  ],
  [[software], /^2 ranks on node7, but software adapters only \(llvmpipe\): /],
  [[twins], /^node7 has several adapters named A100, which ranks cannot tell apart: bind each rank to one/],
])('two ranks never silently get the same: %#', (adapters, message) => {
  expect(() => assigned(slotsOf(adapters, {}), place)).toThrow(message)
})
