import { describe, expect, test } from 'vitest'
import { filesUnder, importsOf, textOf } from './sources.ts'

/** Layers that only this layer may import a package of. */
const ONLY_USER: Readonly<Record<string, string>> = {
  webgpu: 'src/gpu',
  wgsl_reflect: 'src/wgsl',
  daikon: 'src/data/scan',
  h5wasm: 'src/data/hdf5',
  hono: 'src/board',
}

/** What runs in a browser. */
const PAGE = 'src/board/page'

/** What is no layer and may all the same be imported by one that says so. */
const TESTS = 'kernels-test'

/** Room → rooms it may import, as the table of ARCHITECTURE.md says; `all` is every room in a row above. */
function layerTable(): Map<string, Set<string>> {
  const table = new Map<string, Set<string>>()
  for (const line of textOf('ARCHITECTURE.md').split('\n')) {
    const [, layer, , allowed] = line.split('|').map(cell => cell.trim().replaceAll('`', ''))
    if (!layer || !/^(src\/\S+|bench|cli|scripts)$/.test(layer)) continue
    const above = [...table.keys()]
    const names = allowed!.split(',').flatMap(word => {
      const name = word.trim()
      if (name === '–') return []
      if (/^all\b/.test(name)) return above
      return name === TESTS ? [name] : [`src/${name}`]
    })
    table.set(layer, new Set([layer, ...names]))
  }
  return table
}

const table = layerTable()
const sources = ['src', 'bench', 'cli'].flatMap(folder => filesUnder(folder, '.ts'))
const unshipped = filesUnder('scripts', '.ts')

function layerOf(path: string): string | undefined {
  const around = [...table.keys(), TESTS].filter(layer => path === layer || path.startsWith(`${layer}/`))
  // a room within a room is its own
  return around.sort((a, b) => b.length - a.length)[0]
}

describe('the table of layers', () => {
  test('has a row for every folder, and only rows that name known layers', () => {
    expect(table.size).toBeGreaterThan(10)
    expect(sources.filter(path => layerOf(path) === undefined)).toEqual([])
    const unknown = [...table].flatMap(([layer, allowed]) =>
      [...allowed]
        .filter(name => name !== TESTS && !table.has(name))
        .map(name => `${layer} may import ${name}, which is no layer`),
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

test('every import of src, bench, cli and scripts is one that the table allows', () => {
  const broken = [...sources, ...unshipped].flatMap(path => {
    const layer = layerOf(path)!
    return importsOf(path)
      .files.filter(file => !table.get(layer)!.has(layerOf(file) ?? file))
      .map(file => `${path} (${layer}) imports ${file}`)
  })
  expect(broken).toEqual([])
})

test('no file imports itself in a circle, type imports counted', () => {
  const files = new Map([...sources, ...unshipped].map(path => [path, importsOf(path).files]))
  expect(circles(files)).toEqual([])
})

/** Each circle as the path that leads back to where it began. */
function circles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const follow = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) found.push([...trail.slice(start), path].join(' → '))
    if (start >= 0 || done.has(path)) return
    for (const next of imports.get(path) ?? []) follow(next, [...trail, path])
    done.add(path)
  }
  for (const path of imports.keys()) follow(path, [])
  return found
}

test('webgpu, wgsl_reflect, h5wasm, daikon and hono are each imported in one room', () => {
  const users = sources.flatMap(path => importsOf(path).packages.map(name => ({ path, name })))
  for (const [name, layer] of Object.entries(ONLY_USER)) {
    const own = users.filter(user => user.name === name).map(({ path }) => layerOf(path))
    expect(own.length, `imports of ${name}`).toBeGreaterThan(0)
    expect(new Set(own), `layers that import ${name}`).toEqual(new Set([layer]))
  }
})

test('what runs in a browser reaches nothing of Node', () => {
  const reached = new Set(filesUnder(PAGE, '.ts'))
  expect(reached.size).toBeGreaterThan(3)
  // a set's loop takes in what is added meanwhile
  for (const path of reached) for (const file of importsOf(path).files) if (file.endsWith('.ts')) reached.add(file)
  const users = [...reached].flatMap(path => importsOf(path).node.map(name => `${path} imports ${name}`))
  expect(users).toEqual([])
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
  const shipped = sources.filter(path => layerOf(path) !== PAGE)
  expect(strangers(shipped, dependencies)).toEqual([])
  // bundled: who installs the package needs none of them
  expect(strangers(filesUnder(PAGE, '.ts'), devDependencies)).toEqual([])
  expect(strangers(filesUnder('kernels-test', '.ts'), { ...dependencies, ...devDependencies })).toEqual([])
  const used = new Set(shipped.flatMap(path => importsOf(path).packages))
  const unused = Object.keys(dependencies).filter(name => !used.has(name))
  expect(unused).toEqual([])
})
