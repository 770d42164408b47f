import { describe, expect, test } from 'vitest'
import { filesUnder, importsOf, textOf, valuesImportedBy } from './sources.ts'

/** Layers that only this layer may import a package of. */
const ONLY_USER: Readonly<Record<string, string>> = {
  webgpu: 'src/gpu',
  wgsl_reflect: 'src/wgsl',
  daikon: 'src/data/scan',
  h5wasm: 'src/data/hdf5',
  koffi: 'src/distributed',
  hono: 'src/board',
}

/** What needs Node; a page has its own. */
const OF_THE_HOST = /^src\/host\/|^src\/gpu\/adapter\.ts$/
/** Packages that run in a browser. */
const PORTABLE = ['nifti-reader-js', 'wgsl_reflect', 'zod']

/** What runs in a browser, too. */
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

test('webgpu, wgsl_reflect, h5wasm, daikon, koffi and hono are each imported in one room', () => {
  const users = sources.flatMap(path => importsOf(path).packages.map(name => ({ path, name })))
  for (const [name, layer] of Object.entries(ONLY_USER)) {
    const own = users.filter(user => user.name === name).map(({ path }) => layerOf(path))
    expect(own.length, `imports of ${name}`).toBeGreaterThan(0)
    expect(new Set(own), `layers that import ${name}`).toEqual(new Set([layer]))
  }
})

test('only packages that package.json names are imported, and all it names are used', () => {
  const { devDependencies, ...named } = JSON.parse(textOf('package.json')) as {
    dependencies: Record<string, string>
    peerDependencies: Record<string, string>
    devDependencies: Record<string, string>
  }
  const dependencies = { ...named.dependencies, ...named.peerDependencies }
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

describe('Node', () => {
  const isUsedBy = (path: string): boolean => importsOf(path).node.length > 0 || /\bBuffer\./.test(textOf(path))

  test('is in no room of which ARCHITECTURE.md says so', () => {
    const sentence = /No `node:` module and no `Buffer` is in (.*?)\.$/ms.exec(textOf('ARCHITECTURE.md'))![1]!
    const free = [...sentence.matchAll(/`([^`]+)`/g)].map(([, room]) => `src/${room}`)
    expect(free.length).toBeGreaterThan(10)
    expect(free.filter(room => !table.has(room))).toEqual([])
    expect(sources.filter(path => free.includes(layerOf(path)!) && isUsedBy(path))).toEqual([])
  })

  test('is met by what runs in a browser only where the page has a module of the same name', () => {
    const reached = new Map<string, string>()
    const follow = (path: string, trail: string): void => {
      if (reached.has(path)) return
      reached.set(path, trail)
      if (OF_THE_HOST.test(path)) return
      for (const next of valuesImportedBy(path).files) follow(next, `${path} ← ${trail}`)
    }
    for (const path of filesUnder(PAGE, '.ts')) follow(path, 'the page')
    const met = [...reached.keys()].filter(path => OF_THE_HOST.test(path))
    const own = [...reached].filter(([path]) => !met.includes(path))
    expect(met.map(path => path.replace(/^.*\//, '')).sort()).toEqual(
      filesUnder(`${PAGE}/host`, '.ts').map(path => path.slice(PAGE.length + '/host/'.length)),
    )
    expect(own.length).toBeGreaterThan(100)
    expect(own.filter(([path]) => isUsedBy(path))).toEqual([])
    // the packages of the page are bundled, and held to package.json above
    const rooms = own.filter(([path]) => layerOf(path) !== PAGE)
    const packages = new Set(rooms.flatMap(([path]) => valuesImportedBy(path).packages))
    expect([...packages].sort()).toEqual(PORTABLE)
  })
})
