import { existsSync } from 'node:fs'
import type { Case } from '../kernels-test/case.ts'
import { InputError } from '../src/util/error.ts'
import { type Pass, STEP_SHAPES } from './shapes.ts'

/** A line of `bench ops`. */
export interface Row {
  /** 'test': a row of the tests, which are small; else the layer of the step whose size it has */
  from: string
  test: Case
  row: object
  pass: Pass
  label: string
}

/** The cases of the tests. Throws InputError where there are none: the package is published without them. */
async function testCases(): Promise<readonly Case[]> {
  const index = new URL('../kernels-test/cases/index.ts', import.meta.url)
  if (!existsSync(index))
    throw new InputError('bench ops: expected a checkout: its rows are those of kernels-test/cases')
  return ((await import(index.href)) as { cases: readonly Case[] }).cases
}

/** Every row of the tests, then those of the step; of these, the ones whose label has all words of `filter`. */
export async function benchRows(filter = ''): Promise<Row[]> {
  const cases = await testCases()
  const small = cases.flatMap(test => test.rows.map(row => makeRow('test', test, row, 'forward')))
  const large = STEP_SHAPES.flatMap(({ layer, operation, row, passes }) => {
    const test = cases.find(each => each.operation === operation)!
    return passes.map(pass => makeRow(layer, test, row, pass))
  })
  const words = filter.split(' ')
  const rows = [...small, ...large].filter(({ label }) => words.every(word => label.includes(word)))
  if (rows.length === 0) throw new InputError(`bench ops: --filter ${JSON.stringify(filter)} leaves no row`)
  return rows
}

function makeRow(from: string, test: Case, row: object, pass: Pass): Row {
  const origin = from === 'test' ? 'test' : `step ${from}`
  return { from, test, row, pass, label: `${test.operation} ${pass} (${origin}) ${textOf(row)}` }
}

/** e.g. 'samples 2, channels 16+1, outputs 64, size 3, volume 64×64×32' */
function textOf(row: object): string {
  const shown = (name: string, value: unknown): string => {
    if (!Array.isArray(value)) return String(value)
    return value.join({ channels: '+', volume: '×', size: '×', shape: '×' }[name] ?? ',')
  }
  return Object.entries(row)
    .map(([name, value]) => `${name} ${shown(name, value)}`)
    .join(', ')
}
