import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { filesUnder, textOf, trackedFiles } from './sources.ts'

const MAX_LINES = 350
const MAX_FILES = 25

test('no source file is longer than a reader can hold', () => {
  const sources = ['src', 'cli'].flatMap(folder => filesUnder(folder, '.ts')).concat(filesUnder('shaders', '.wgsl'))
  const lengths = sources.map(path => ({ path, lines: textOf(path).split('\n').length - 1 }))
  expect(lengths.length).toBeGreaterThan(100)
  expect(lengths.filter(({ lines }) => lines > MAX_LINES)).toEqual([])
})

test('no folder holds more files than a reader can survey', () => {
  const folders = new Map<string, number>()
  for (const path of ['src', 'cli'].flatMap(folder => filesUnder(folder, '.ts')))
    folders.set(dirname(path), (folders.get(dirname(path)) ?? 0) + 1)
  expect(folders.size).toBeGreaterThan(30)
  expect([...folders].filter(([, files]) => files > MAX_FILES)).toEqual([])
})

test('src says nothing past its console: standard output belongs to the result', () => {
  const talkers = filesUnder('src', '.ts').filter(path =>
    /(?:globalThis\.)?\bconsole\.(?:log|info|error|debug)\(/.test(textOf(path)),
  )
  expect(talkers).toEqual([])
})

test('nothing is left to be done in a comment', () => {
  const marks = new RegExp(`\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].join('|')})\\b`)
  const sources = ['src', 'cli', 'kernels-test', 'shaders'].flatMap(folder => [
    ...filesUnder(folder, '.ts'),
    ...filesUnder(folder, '.wgsl'),
  ])
  expect(sources.filter(path => marks.test(textOf(path)))).toEqual([])
})

/** Patterns as text that does not match itself. */
const FOREIGN: Readonly<Record<string, RegExp>> = {
  'a package registry':
    /\bregistry\.[a-z0-9-]+\.[a-z]{2,}|\bnpmjs\.(?:com|org)|\bpypi\.org|pythonhosted\.org|\bunpkg\.com|\bjsdelivr\.net|\bdebian\.org\/debian/,
  'what lies beside the checkout': /\.\.\/shared\b/,
  "a machine's path": /(?<![\w.$}~*-])\/(?:work|tmp\/setup|root|Users)\/|\/home\/(?!someone\b)\w/,
}

test('no tracked file names a package registry, a path of the machine it was made on, or files beside the checkout', context => {
  const tracked = trackedFiles()
  if (!tracked) context.skip('not a git clone: which files belong to the repository is not known')
  const found = tracked!
    .filter(path => /\.(?:ts|mjs|js|json|md|sh|py|wgsl|yml|txt)$|^\.ci\/|^LICENSE$|^\.\w+$/.test(path))
    .flatMap(path =>
      textOf(path)
        .split('\n')
        .flatMap((line, i) =>
          Object.entries(FOREIGN)
            .filter(([, pattern]) => pattern.test(line))
            .map(([what]) => `${path}:${i + 1} names ${what}`),
        ),
    )
  expect(found).toEqual([])
})

test("folders are made by src/util/files/folder.ts: Node's own recursive call never ends where the file system has none to make", () => {
  const sources = ['src', 'cli', 'bench', 'scripts'].flatMap(folder => filesUnder(folder, '.ts'))
  expect(sources.filter(path => /\bmkdir(?:Sync)?\([^)]*\brecursive\b/.test(textOf(path)))).toEqual([])
})

test('files are renamed by src/util/files/rename.ts: Windows refuses while another program holds one open', () => {
  const sources = ['src', 'cli', 'bench'].flatMap(folder => filesUnder(folder, '.ts'))
  const renaming = sources.filter(path => /\brename(?:Sync)?\(/.test(textOf(path)))
  expect(renaming).toEqual(['src/util/files/rename.ts'])
})

test('files are opened for reading by src/util: anything else may wait for ever for a named pipe', () => {
  const sources = ['src', 'cli', 'bench'].flatMap(folder => filesUnder(folder, '.ts'))
  const opening = /\breadFile(?:Sync)?\(|\bcreateReadStream\((?!'')|\bopenSync\([^)]*'r'/
  const checked = /^src\/(?:util\/|checkpoint\/(?:directory_lock|lock_holder)\.ts$)/ // a lock's kind is checked, /proc is no user's
  expect(sources.filter(path => !checked.test(path) && opening.test(textOf(path)))).toEqual([])
})

test('what users name is looked at through src/util: a failure to look is no absence', () => {
  const rooms = ['src/data', 'src/predict', 'src/evaluate', 'src/export', 'src/inspect', 'src/experiment', 'cli']
  const sources = rooms.flatMap(folder => filesUnder(folder, '.ts'))
  expect(sources.length).toBeGreaterThan(100)
  expect(sources.filter(path => /\b(?:l?stat|readdir)Sync\(/.test(textOf(path)))).toEqual([])
})
