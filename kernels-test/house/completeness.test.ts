import { describe, expect, test } from 'vitest'
import { type StructInfo, WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js'
import { defaultConfig } from '../../src/config/schema.ts'
import { type AdapterFacts, type Call, GUARANTEED_FACTS } from '../../src/graph/kernel.ts'
import { ModelState } from '../../src/nn/model_state.ts'
import { fittingVariants, type Lowered, lower } from '../../src/plan/lower.ts'
import { OptimizerMemory } from '../../src/run/optimizer_memory.ts'
import {
  batchTensors,
  ensembleSums,
  recordEnsembleEvaluation,
  recordEvaluation,
  recordPrediction,
  recordTraining,
  recordUpdate,
} from '../../src/run/tapes.ts'
import { linkShader } from '../../src/wgsl/link.ts'
import { cases } from '../cases/index.ts'
import { callsOf } from '../harness.ts'
import { randomOf } from '../numbers.ts'
import { filesUnder, importsOf, textOf } from './sources.ts'

/** What WebGPU guarantees on every adapter. */
const GUARANTEED = { storageBuffers: 8, uniformBuffers: 12, invocations: 256, workgroupAxes: [256, 256, 64] }

/** Adapters for which kernels are laid out differently. */
const adapters: readonly AdapterFacts[] = [
  GUARANTEED_FACTS,
  { ...GUARANTEED_FACTS, software: true },
  withMatrices(8, 8),
  withMatrices(16, 32),
]

/** An adapter that multiplies matrices of size³ in subgroups of `subgroup`, f16 into f32. */
function withMatrices(size: number, subgroup: number): AdapterFacts {
  const shape = { componentType: 'f16', resultComponentType: 'f32', M: size, N: size, K: size }
  return {
    ...GUARANTEED_FACTS,
    maxWorkgroupMemory: 48 * 2 ** 10,
    features: new Set(['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix']),
    subgroupSizes: { min: subgroup, max: subgroup },
    subgroupMatrices: [shape],
  }
}

const names = ['left_lung', 'right_lung', 'heart']
const narrow = { structures: 3, size: [32, 16, 16], inChannels: 1, channels: [2, 4, 4, 6, 8] } as const
const documented = { structures: 3, size: [32, 32, 32], inChannels: 1, channels: [16, 32, 64, 128, 256] } as const

/** Everything the program ever records for a model: training, update, evaluation, prediction. */
function modelCalls(shape: ConstructorParameters<typeof ModelState>[0]): Call[] {
  const state = new ModelState(shape)
  const batch = batchTensors(state, 2)
  const config = defaultConfig()
  const half = { ...config, compute: { ...config.compute, precision: 'f16' as const } }
  const averaging = { ...config, optimizer: { ...config.optimizer, ema_decay: 0.99 } }
  const recordings = [
    recordTraining(state, batch, half, names),
    recordUpdate(state, new OptimizerMemory(state, half.optimizer), half),
    recordEvaluation(state, batch, half),
    recordTraining(state, batch, config, names),
    recordUpdate(state, new OptimizerMemory(state, config.optimizer), config),
    recordUpdate(state, new OptimizerMemory(state, averaging.optimizer), averaging),
    recordEvaluation(state, batch, config),
    recordPrediction(state, batch),
    recordEnsembleEvaluation(state, batch, ensembleSums(batch), config),
  ]
  return recordings.flatMap(({ calls }) => calls)
}

/** Every variant of every call on every adapter that it fits, `limit` being the bytes a binding may have there. */
function lowered(calls: readonly Call[], limit = GUARANTEED_FACTS.maxBindingBytes): Lowered[] {
  return adapters
    .map(facts => ({ ...facts, maxBindingBytes: limit }))
    .flatMap(facts =>
      calls.flatMap(call => fittingVariants(call, facts).flatMap(({ name }) => lower([call], facts, () => name))),
    )
}

/** Members of a struct in a uniform that do not keep to its alignment: a struct begins at a multiple of 16, and so does what follows it. */
function unalignedMembers({ name, members }: StructInfo): string[] {
  return members.flatMap(({ name: member, offset, size, type }, i) => {
    if (!type.isStruct) return []
    const next = members[i + 1]?.offset ?? Number.POSITIVE_INFINITY
    const isAligned = offset % 16 === 0 && next >= offset + Math.ceil(size / 16) * 16
    return [...(isAligned ? [] : [`${name}.${member}`]), ...unalignedMembers(type as StructInfo)]
  })
}

const ofModels = lowered([...modelCalls(narrow), ...modelCalls(documented)])
const ofRows = cases.flatMap(operation =>
  operation.rows.flatMap(row =>
    lowered(callsOf(operation, row, randomOf(operation.operation)), operation.limit?.(row)),
  ),
)
/** A shader's path without the words that it is linked with, and its entry point. */
const entryOf = ({ key }: Lowered): string => `${key.shader.split(' ')[0]}:${key.entry}`

describe('every operation', () => {
  const operations = ['src/ops', 'src/loss', 'src/optim']
    .flatMap(folder => filesUnder(folder, '.ts'))
    .filter(path => /^export function \w+\(\s*tape: Tape\b/m.test(textOf(path)))
  const used = filesUnder('kernels-test/cases', '.ts').flatMap(path => importsOf(path).files)
  const benched = used.filter(path => path.startsWith('bench/operations/'))
  const tested = new Set([...used, ...benched.flatMap(path => importsOf(path).files)])

  test.each(operations)('%s has a case file', path => {
    expect([...tested], `kernels-test/cases imports ${path}`).toContain(path)
  })

  test('of the model is among those', () => {
    expect(operations.length).toBeGreaterThan(15)
  })

  test.each(cases.map(operation => [operation.operation, operation] as const))('%s has rows', (_, operation) => {
    expect(operation.rows.length).toBeGreaterThan(0)
  })
})

describe('every shader', () => {
  const shaders = filesUnder('shaders', '.wgsl').filter(path => !/^shaders\/(?:lib|bench)\//.test(path))
  const entries = shaders.flatMap(path =>
    [...textOf(path).matchAll(/@compute\b[^{]*?\bfn\s+(\w+)/g)].map(
      ([, entry]) => `${path.slice('shaders/'.length, -'.wgsl'.length)}:${entry}`,
    ),
  )

  test('has an entry point, a library has none', () => {
    for (const path of shaders) expect(textOf(path), path).toContain('@compute')
    for (const path of filesUnder('shaders/lib', '.wgsl')) expect(textOf(path), path).not.toContain('@compute')
  })

  test('names the length of an array in workgroup memory that depends on overrides: naga aborts on an expression', () => {
    const texts = filesUnder('shaders', '.wgsl').map(path => [path, textOf(path)] as const)
    const overrides = new Set(
      texts.flatMap(([, text]) => [...text.matchAll(/^override (\w+)/gm)].map(([, name]) => name!)),
    )
    const lengths = texts.flatMap(([path, text]) =>
      [...text.matchAll(/^var<workgroup> \w+: array<\w+, (.*)>;/gm)].map(([, length]) => ({ path, length: length! })),
    )
    expect(lengths.length).toBeGreaterThan(10)
    const unnamed = lengths.filter(
      ({ length }) => !/^\w+$/.test(length) && length.match(/\w+/g)!.some(word => overrides.has(word)),
    )
    expect(unnamed).toEqual([])
  })

  test('lays out the structs in its uniform as WGSL without extensions does', () => {
    const keys = new Map([...ofModels, ...ofRows].map(({ key }) => [key.shader, key]))
    const unaligned = [...keys].flatMap(([shader, key]) => {
      const declared = linkShader(shader, key).match(/^struct [^}]*\}/gm) ?? []
      const { structs } = new WgslReflect(declared.filter(text => !text.includes('Activation')).join('\n'))
      const params = structs.find(({ name }) => name === 'Params')
      // wgsl_reflect heeds attributes in Params itself only
      const attributed = declared.filter(text => /@(?:align|size)/.test(text) && !text.startsWith('struct Params '))
      if (attributed.length > 0) return attributed
      return params ? unalignedMembers(params).map(member => `${shader}: ${member}`) : []
    })
    expect(unaligned).toEqual([])
  })

  test('has no entry point that nothing runs', () => {
    const used = new Set([...ofModels, ...ofRows].map(entryOf))
    expect(entries.filter(entry => !used.has(entry))).toEqual([])
  })

  test('that the model runs is run by a row', () => {
    const rows = new Set(ofRows.map(entryOf))
    expect([...new Set(ofModels.map(entryOf))].filter(entry => !rows.has(entry))).toEqual([])
  })

  test('library is imported by one that something runs', () => {
    const imported = new Set<string>()
    const keys = new Map([...ofModels, ...ofRows].map(({ key }) => [`${key.shader} ${key.normalised}`, key]))
    for (const key of keys.values())
      linkShader(key.shader, key, name => {
        const path = `shaders/${name}.wgsl`
        imported.add(path)
        return textOf(path)
      })
    expect(filesUnder('shaders/lib', '.wgsl').filter(path => !imported.has(path))).toEqual([])
  })
})

test.each([
  ['the model', ofModels],
  ['the rows', ofRows],
])('every dispatch of %s fits what WebGPU guarantees', (_, dispatches) => {
  expect(dispatches.length).toBeGreaterThan(100)
  for (const dispatch of dispatches) {
    const { bindings, workgroupSize } = dispatch.facts
    const uniforms = bindings.filter(({ access }) => access === 'uniform').length
    const where = `${dispatch.label} (${entryOf(dispatch)})`
    expect(bindings.length - uniforms, `storage buffers of ${where}`).toBeLessThanOrEqual(GUARANTEED.storageBuffers)
    expect(uniforms, `uniform buffers of ${where}`).toBeLessThanOrEqual(GUARANTEED.uniformBuffers)
    const invocations = workgroupSize.reduce((product, axis) => product * axis, 1)
    expect(invocations, `invocations of ${where}`).toBeLessThanOrEqual(GUARANTEED.invocations)
    for (const [i, axis] of workgroupSize.entries())
      expect(axis, where).toBeLessThanOrEqual(GUARANTEED.workgroupAxes[i]!)
  }
})
