import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type AdapterFacts, type Call, GUARANTEED_FACTS } from '../../src/graph/kernel.ts'
import { signatureOf } from '../../src/graph/signature.ts'
import { Tape } from '../../src/graph/tape.ts'
import { tensor } from '../../src/graph/tensor.ts'
import { conv3d } from '../../src/ops/conv3d/conv3d.ts'
import { TuningCache } from '../../src/tune/cache.ts'
import { choiceFrom } from '../../src/tune/choice.ts'
import { candidatesOf, kernelDigest } from '../../src/tune/kernel_text.ts'
import { TunedTable } from '../../src/tune/table.ts'
import { PACKAGE_ROOT } from '../../src/util/package_root.ts'
import { linkShader } from '../../src/wgsl/link.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'

const facts: AdapterFacts = { ...GUARANTEED_FACTS, software: true }
const identity = { name: 'a card (driver 1.2)', family: 'a-card' }
const measured = (variant: string) => ({ variant, milliseconds: { [variant]: 1.5, other: 2 } })
const root = temporaryDirectory()
const warnings: string[] = []
let runs = 0

beforeEach(() => {
  warnings.length = 0
  vi.stubEnv('XDG_CACHE_HOME', join(root, String(++runs)))
})
afterAll(() => {
  vi.unstubAllEnvs()
})

const open = (): TuningCache => new TuningCache(identity, line => warnings.push(line))
const find = (cache: TuningCache, signature: string, digest: string) => cache.table.find(signature, () => digest)

function convolution(): Call {
  const tape = new Tape()
  const input = (name: string, shape: number[]) => tensor(name, shape, 'input')
  conv3d(tape, input('x', [1, 16, 16, 16, 8]), input('weight', [16, 16, 3, 3, 3]), input('bias', [16]))
  return tape.calls[0]!
}

describe('what was measured', () => {
  test('is found by the next process, by signature and kernel text', () => {
    open().add('conv x', 'aa', measured('fast'))
    const cache = open()
    expect(find(cache, 'conv x', 'aa')).toEqual(measured('fast'))
    expect(find(cache, 'conv x', 'bb')).toBeUndefined()
    expect(find(cache, 'conv y', 'aa')).toBeUndefined()
    expect(warnings).toEqual([])
    expect(readdirSync(dirname(cache.path))).toHaveLength(1)
  })

  test('is another adapter’s when the driver is another', () => {
    open().add('conv x', 'aa', measured('fast'))
    const other = new TuningCache({ ...identity, name: 'a card (driver 1.3)' }, line => warnings.push(line))
    expect(find(other, 'conv x', 'aa')).toBeUndefined()
    expect(other.path).not.toBe(open().path)
  })

  test('by two processes at once is kept, what each wrote last winning', () => {
    const [first, second] = [open(), open()]
    first.add('conv x', 'aa', measured('one'))
    second.add('conv y', 'aa', measured('two'))
    first.add('conv z', 'aa', measured('three'))
    second.add('conv x', 'aa', measured('four'))
    const kept = open()
    expect(['conv x', 'conv y', 'conv z'].map(signature => find(kept, signature, 'aa')?.variant)).toEqual([
      'four',
      'two',
      'three',
    ])
  })
})

test.each([
  ['no JSON', '{"format": 1, "adapter"'],
  ['another format', '{"format": 99, "adapter": "x", "entries": {}}'],
  ['an entry that is none', '{"format": 1, "adapter": "x", "entries": {"conv x": {"aa": {"variant": 7}}}}'],
])('a damaged file, %s: one warning, and it is replaced by the next measurement', (_, text) => {
  const { path } = open()
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  const cache = open()
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toMatch(/^\S+\.json: cannot be read \([^\n]+\); choosing kernels without it$/)
  expect(cache.table.size).toBe(0)
  cache.add('conv x', 'aa', measured('fast'))
  expect(warnings).toHaveLength(1)
  expect(find(open(), 'conv x', 'aa')).toEqual(measured('fast'))
})

test('an unwritable folder: one warning, and the measurements still apply', () => {
  writeFileSync(process.env.XDG_CACHE_HOME!, 'a file where a folder should be')
  const cache = open()
  cache.add('conv x', 'aa', measured('fast'))
  cache.add('conv y', 'aa', measured('fast'))
  expect(warnings).toEqual([
    expect.stringMatching(/: cannot be written \([^\n]+\); measurements apply to this run only$/),
  ])
  expect(find(cache, 'conv y', 'aa')).toEqual(measured('fast'))
})

test('a table is the same text however it was filled, and reads back as it was', () => {
  const [a, b] = [new TunedTable('x'), new TunedTable('x')]
  const entries = ['c', 'a', 'b'].map(signature => [signature, `digest ${signature}`] as const)
  for (const [signature, digest] of entries) a.set(signature, digest, measured(signature))
  for (const [signature, digest] of entries.toReversed()) b.set(signature, digest, measured(signature))
  expect(a.toText()).toBe(b.toText())
  expect(TunedTable.parse(a.toText()).toText()).toBe(a.toText())
})

describe('the choice of a call', () => {
  const call = convolution()
  const names = candidatesOf(call, facts).map(({ name }) => name)

  function tableWith(digest: string, variant: string): TunedTable {
    const table = new TunedTable('x')
    table.set(signatureOf(call), digest, measured(variant))
    return table
  }

  test('is what the first table says that knows its kernels as they are', () => {
    const digest = kernelDigest(call, facts)
    const [cache, shipped, stale] = [tableWith(digest, 'b'), tableWith(digest, 'c'), tableWith('0123', 'd')]
    expect(choiceFrom([cache, shipped], facts)(call)).toBe('b')
    expect(choiceFrom([stale, shipped], facts)(call)).toBe('c')
    expect(choiceFrom([stale], facts)(call)).toBeUndefined()
  })

  test('is open again when a shader’s code or the list of variants is another; comments are no code', () => {
    expect(names.length).toBeGreaterThan(1)
    const digest = kernelDigest(call, facts)
    expect(kernelDigest(convolution(), facts)).toBe(digest)
    const used: string[] = []
    kernelDigest(call, facts, shader => {
      used.push(shader)
      return ''
    })
    const digestWith = (changed: string, added: string): string =>
      kernelDigest(call, facts, shader => linkShader(shader) + (shader === changed ? added : ''))
    for (const changed of used) {
      expect(digestWith(changed, '\n// a comment\n\n'), changed).toBe(digestWith('none', ''))
      expect(digestWith(changed, '\nconst ANOTHER = 1;'), changed).not.toBe(digestWith('none', ''))
    }
    const [first] = call.kernel.variants
    expect(kernelDigest({ ...call, kernel: { ...call.kernel, variants: [first] } }, facts)).not.toBe(digest)
  })
})

const folder = join(PACKAGE_ROOT, 'shaders/tuned')
const shipped = existsSync(folder) ? readdirSync(folder) : []

test.skipIf(shipped.length === 0)('the tables that the package brings can be read', () => {
  for (const name of shipped)
    expect(TunedTable.parse(readFileSync(join(folder, name), 'utf8')).size, name).toBeGreaterThan(0)
})
