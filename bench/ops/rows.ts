import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { InputError, messageOf } from '../../src/util/error.ts'
import type { Operation } from './operation.ts'
import { type Pass, STEP_SHAPES } from './shapes.ts'

/** A line of `bench ops`. */
export interface Row {
  /** 'test' for a small row of the tests, otherwise the layer of the step with this size */
  from: string
  operation: Operation
  row: object
  pass: Pass
  label: string
}

/** Operations with rows, as in the tests. */
export type Cases = readonly (Operation & { rows: readonly object[] })[]

/** The `cases` that a module exports. Throws InputError if it cannot be loaded or exports none. */
export async function readCases(path: string): Promise<Cases> {
  let module: { cases?: Cases }
  try {
    module = (await import(pathToFileURL(resolve(path)).href)) as typeof module
  } catch (error) {
    throw new InputError(`${path}: ${messageOf(error)}`)
  }
  if (!module.cases) throw new InputError(`${path}: exports no cases`)
  return module.cases
}

/** All rows of `cases`, then those of the step, if their label contains all words of `filter`. */
export function benchRows(cases: Cases, filter = ''): Row[] {
  const small = cases.flatMap(each => each.rows.map(row => makeRow('test', each, row, 'forward')))
  const large = STEP_SHAPES.flatMap(({ layer, operation, row, passes }) =>
    passes.map(pass => makeRow(layer, operation, row, pass)),
  )
  const words = filter.split(' ')
  const rows = [...small, ...large].filter(({ label }) => words.every(word => label.includes(word)))
  if (rows.length === 0) throw new InputError(`bench ops: --filter ${JSON.stringify(filter)} matches no row`)
  return rows
}

function makeRow(from: string, operation: Operation, row: object, pass: Pass): Row {
  const origin = from === 'test' ? 'test' : `step ${from}`
  return { from, operation, row, pass, label: `${operation.operation} ${pass} (${origin}) ${textOf(row)}` }
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
