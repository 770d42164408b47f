import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { artifactFileName } from '../../src/track/kept_files.ts'
import { RunDirectory } from '../../src/track/run_directory.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { request } from './request.ts'

const FILES = ['config.json', 'cout.txt', 'info.json', 'metrics.json', 'run.json']
const record = (run: RunDirectory) => JSON.parse(readFileSync(join(run.path, 'run.json'), 'utf8'))

/** A folder on a file system other than that of temporary files, if one is writable. */
const shared = '/dev/shm'
const isElsewhere = existsSync(shared) && statSync(shared).dev !== statSync(temporaryDirectory()).dev

test('each source is copied once, beside the runs, under Sacred’s name', async () => {
  const base = temporaryDirectory()
  const folder = temporaryDirectory()
  const config = join(folder, 'my cfg.json')
  writeFileSync(config, '{"seed": 7}')
  const start = () => RunDirectory.create({ ...request(base), sources: [config, folder] })!
  const [first, second] = [start(), start()]
  const digest = createHash('md5').update('{"seed": 7}').digest('hex')
  const stored = `_sources/my cfg_${digest}.json`
  for (const run of [first, second])
    expect(record(run).experiment.sources).toStrictEqual([[relative(process.cwd(), config), stored]])
  expect(readFileSync(join(base, stored), 'utf8')).toBe('{"seed": 7}')
  writeFileSync(config, '{"seed": 8}')
  const third = start()
  expect(record(third).experiment.sources[0][1]).not.toBe(stored)
  expect(readdirSync(join(base, '_sources'))).toHaveLength(2)
  expect(third.id).toBe(3)
  for (const run of [first, second, third]) await run.finish({ status: 'COMPLETED' })
  expect(readdirSync(first.path)).toStrictEqual(FILES)
})

test('a missing source, and data that cannot be copied, do not stop a run', async () => {
  const base = temporaryDirectory()
  const warnings: string[] = []
  const gone = join(base, 'gone.json')
  const run = RunDirectory.create({
    ...request(base, line => warnings.push(line)),
    sources: [gone],
    resources: ['/data/train.h5'],
  })!
  await run.finish({ status: 'TIMEOUT' })
  expect(record(run)).toMatchObject({ status: 'TIMEOUT', resources: [['/data/train.h5', '/data/train.h5']] })
  expect(record(run).experiment.sources).toStrictEqual([])
  expect(warnings).toStrictEqual([
    `cannot write ${gone}: no such file or directory; the run goes on, its record may have gaps`,
  ])
})

test.for([
  ['on the same file system, without a copy', false],
  ['from another file system, as a copy', true],
] as const)('a checkpoint is kept as it was, %s', async ([, elsewhere], context) => {
  if (elsewhere && !isElsewhere) context.skip(`no second file system at ${shared}`)
  const checkpoints = elsewhere ? makeShared() : temporaryDirectory()
  try {
    const path = join(checkpoints, 'best_model.pth')
    const replace = (text: string) => {
      writeFileSync(`${path}.new`, text)
      renameSync(`${path}.new`, path)
    }
    const run = RunDirectory.create(request(temporaryDirectory()))!
    replace('first')
    run.keep({ name: 'best_model.pth', path })
    run.keep({ name: 'best_model.pth', path }) // the same again
    replace('second')
    run.keep({ name: 'epoch 2.pth', path })
    replace('third')
    run.keep({ name: 'curves.png', bytes: Buffer.from('png 1') })
    run.keep({ name: 'curves.png', bytes: Buffer.from('png 2') })
    await run.finish({ status: 'COMPLETED' })
    const contents = Object.fromEntries(
      record(run).artifacts.map((name: string) => [name, readFileSync(join(run.path, name), 'utf8')]),
    )
    expect(contents).toStrictEqual({ 'best_model.pth': 'first', 'epoch 2.pth': 'second', 'curves.png': 'png 2' })
    expect(readdirSync(run.path)).toStrictEqual([...FILES, ...Object.keys(contents)].sort())
    expect(readFileSync(path, 'utf8')).toBe('third')
  } finally {
    rmSync(checkpoints, { recursive: true, force: true })
  }
})

function makeShared(): string {
  const folder = join(shared, `sadaan-${process.pid}`)
  mkdirSync(folder)
  return folder
}

test('an unchanged checkpoint takes no extra space', async () => {
  const path = join(temporaryDirectory(), 'last.pth')
  writeFileSync(path, 'weights')
  const run = RunDirectory.create(request(temporaryDirectory()))!
  run.keep({ name: 'last.pth', path })
  await run.finish({ status: 'COMPLETED' })
  expect(statSync(join(run.path, 'last.pth')).ino).toBe(statSync(path).ino)
})

test('a missing artifact causes a warning, and the others are kept', async () => {
  const warnings: string[] = []
  const run = RunDirectory.create(request(temporaryDirectory(), line => warnings.push(line)))!
  run.keep({ name: 'best_model.pth', path: join(run.path, 'none') })
  run.keep({ name: 'b', bytes: Buffer.from('b') })
  await run.finish({ status: 'COMPLETED' })
  expect(warnings).toStrictEqual([
    `cannot write ${join(run.path, 'best_model.pth')}: no such file or directory; the run goes on, its record may have gaps`,
  ])
  expect(record(run).artifacts).toStrictEqual(['b'])
})

test.each([
  ['../../outside.png', '__.._outside.png'],
  ['a\\b\u0000\n.png', 'a_b_.png'],
  ['.partial', '_partial'],
  ['run.json', 'artifact_run.json'],
  ['COUT.txt', 'artifact_COUT.txt'],
  ['', '_'],
  ['Dice épître 肝.png', 'Dice épître 肝.png'],
])('an artifact called %j is the file %j', (name, file) => {
  expect(artifactFileName(name)).toBe(file)
})

test('of the environment, only variables that affect a run are kept, and no secrets', () => {
  const environment = { ...process.env, CUDA_VISIBLE_DEVICES: '1', MONGO_PASSWORD: 'secret', SLURM_JOB_ID: '77' }
  const script = `import { describeHost } from './src/track/host.ts'
    console.log(JSON.stringify(describeHost({ model: 'a', driver: 'b', software: true })))`
  const words = ['--import', 'tsx', '--input-type=module', '-e', script]
  const text = execFileSync(process.execPath, words, { env: environment, encoding: 'utf8' })
  const host = JSON.parse(text)
  expect(host.ENV).toMatchObject({ CUDA_VISIBLE_DEVICES: '1', SLURM_JOB_ID: '77' })
  expect(text).not.toContain('secret')
  expect(host.gpus).toMatchObject({ driver_version: 'b', gpus: [{ model: 'a', persistence_mode: false }] })
  expect(host.gpus.gpus[0].total_memory).toBeGreaterThan(100)
})
