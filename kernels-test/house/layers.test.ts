import { describe, expect, test } from 'vitest'
import { filesUnder, importsOf, textOf } from './sources.ts'

/** Layers that only this layer may import a package of. */
const ONLY_USER: Readonly<Record<string, string>> = { webgpu: 'src/gpu', wgsl_reflect: 'src/wgsl' }

/** Layer → layers it may import, as the table of ARCHITECTURE.md says; `all` is every layer in a row above. */
function layerTable(): Map<string, Set<string>> {
  const table = new Map<string, Set<string>>()
  for (const line of textOf('ARCHITECTURE.md').split('\n')) {
    const [, layer, , allowed] = line.split('|').map(cell => cell.trim().replaceAll('`', ''))
    if (!layer || !/^(src\/\S+|cli)$/.test(layer)) continue
    const above = [...table.keys()]
    const names =
      allowed === '–' ? [] : /^all\b/.test(allowed!) ? above : allowed!.split(',').map(n => `src/${n.trim()}`)
    table.set(layer, new Set([layer, ...names]))
  }
  return table
}

const table = layerTable()
const sources = [...filesUnder('src', '.ts'), ...filesUnder('cli', '.ts')]

function layerOf(path: string): string | undefined {
  return [...table.keys()].find(layer => path === layer || path.startsWith(`${layer}/`))
}

describe('the table of layers', () => {
  test('has a row for every folder, and only rows that name known layers', () => {
    expect(table.size).toBeGreaterThan(10)
    expect(sources.filter(path => layerOf(path) === undefined)).toEqual([])
    const unknown = [...table].flatMap(([layer, allowed]) =>
      [...allowed].filter(name => !table.has(name)).map(name => `${layer} may import ${name}, which is no layer`),
    )
    expect(unknown).toEqual([])
  })

  test('lets imports run downwards only', () => {
    const order = [...table.keys()]
    const upward = [...table].flatMap(([layer, allowed]) =>
      [...allowed].filter(name => order.indexOf(name) > order.indexOf(layer)).map(name => `${layer} → ${name}`),
    )
    expect(upward).toEqual([])
  })
})

test('every import of src and cli is one that the table allows', () => {
  const broken = sources.flatMap(path => {
    const layer = layerOf(path)!
    return importsOf(path)
      .files.filter(file => !table.get(layer)!.has(layerOf(file) ?? file))
      .map(file => `${path} (${layer}) imports ${file}`)
  })
  expect(broken).toEqual([])
})

test('webgpu is imported in src/gpu alone, wgsl_reflect in src/wgsl alone', () => {
  const users = sources.flatMap(path => importsOf(path).packages.map(name => ({ path, name })))
  for (const [name, layer] of Object.entries(ONLY_USER)) {
    const own = users.filter(user => user.name === name).map(({ path }) => layerOf(path))
    expect(own.length, `imports of ${name}`).toBeGreaterThan(0)
    expect(new Set(own), `layers that import ${name}`).toEqual(new Set([layer]))
  }
})

test('only packages that package.json names are imported, and all it names are used', () => {
  const { dependencies, devDependencies } = JSON.parse(textOf('package.json')) as {
    dependencies: Record<string, string>
    devDependencies: Record<string, string>
  }
  const strangers = (paths: readonly string[], known: object): string[] =>
    paths.flatMap(path =>
      importsOf(path)
        .packages.filter(name => !Object.hasOwn(known, name))
        .map(name => `${path} imports ${name}`),
    )
  expect(strangers(sources, dependencies)).toEqual([])
  expect(strangers(filesUnder('kernels-test', '.ts'), { ...dependencies, ...devDependencies })).toEqual([])
  const used = new Set(sources.flatMap(path => importsOf(path).packages))
  const unused = Object.keys(dependencies).filter(name => !used.has(name))
  expect(unused).toEqual([])
})
