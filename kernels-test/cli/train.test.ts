// full: sends signals to trainings in processes of their own
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { readMetrics } from '../../src/track/metrics.ts'
import { corruptChunk } from '../data/corrupt.ts'
import { temporaryDirectory, writeDataset } from '../data/small_dataset.ts'
import { Command, contentsOf, run } from './command.ts'
import { PROGRAM } from './program.ts'
import { Shell } from './shell.ts'

const root = temporaryDirectory()
const good = folder('good')
await writeDataset(
  good,
  { samples: 4, structures: 2, imageSize: [32, 16, 16] },
  { samples: 1, structures: 2, imageSize: [32, 16, 16] },
)

function folder(...names: string[]): string {
  const path = join(root, ...names)
  mkdirSync(path, { recursive: true })
  return path
}

/** Words of a training that takes hardly any time but for its start. */
function small(dataset: string, epochs: number): string[] {
  const model = 'model.channels=[2,4,4,6,8]'
  return ['with', `dataset_path=${dataset}`, model, `training.num_epochs=${epochs}`, 'training.batch_size=2']
}

/** Saves behind every batch. */
const OFTEN = ['training.gradient_accumulation_steps=1', 'checkpoint.save_minutes=1e-9']

/** What a record says of the program and of the files that a run of these commands has to do with. */
const whatRan = {
  artifacts: expect.arrayContaining(['best_model.pth', 'last.pth', 'training_curves.svg', 'training_curves.png']),
  resources: ['train', 'val'].map(split => Array(2).fill(join(good, `${split}.h5`))),
  experiment: { sources: [[expect.stringMatching(/main\.js$/), expect.stringMatching(/^_sources\/main_\w{32}\.js$/)]] },
}

interface RunRecord {
  status: string
  result: number | null
  fail_trace?: string[]
}

function record(cwd: string, id: number): RunRecord {
  return JSON.parse(readFileSync(join(cwd, 'sacred_runs', String(id), 'run.json'), 'utf8')) as RunRecord
}

test('--resume with nothing there starts afresh and says so; --json prints one object; on a finished run there is nothing to do', async () => {
  const cwd = folder('fresh')
  const first = await run(['train', '--resume', '--json', '--tensorboard', 'board', ...small(good, 1)], cwd)
  expect(first.code, first.stderr).toBe(0)
  expect(first.stderr).toMatch(/^nothing to resume in \.\/checkpoints: starting from scratch$/m)
  expect(first.stdout).toMatch(/^\{.*\}\n$/)
  const result = JSON.parse(first.stdout)
  expect(result).toMatchObject({ status: 'COMPLETED', epochs: 1, best: { epoch: 0 } })
  expect(readdirSync(join(cwd, 'checkpoints')).sort()).toEqual(['best_model.pth', 'last.pth'])
  expect(record(cwd, 1)).toMatchObject({ status: 'COMPLETED', result: result.best.value, ...whatRan })
  const kept = (name: string) => readFileSync(join(cwd, 'sacred_runs', '1', name), 'utf8')
  expect(kept('best_model.pth')).toBe(readFileSync(join(cwd, 'checkpoints', 'best_model.pth'), 'utf8'))
  // from the first line, which comes before there is a record, to the last
  expect(kept('cout.txt')).toMatch(/^nothing to resume.*^adapter .*^epoch 1\/1 {2}train .*^best model /ms)
  expect(readdirSync(join(cwd, 'board'))).toEqual(['1'])

  const before = contentsOf(cwd)
  const again = await run(['train', '--resume', '--json', ...small(good, 1)], cwd)
  expect(again.code, again.stderr).toBe(0)
  expect(again.stderr).toMatch(/last\.pth: 1 of 1 epochs are done, nothing to do/)
  expect(JSON.parse(again.stdout)).toMatchObject({ status: 'COMPLETED', epochs: 1, best: result.best })
  expect(contentsOf(cwd)).toEqual(before)
})

test('SIGINT ends with 130 and a record that says so, --resume goes on, SIGTERM ends with 143', async () => {
  const cwd = folder('signals')
  const first = new Command(['train', '--json', ...small(good, 100_000)], cwd)
  await first.says(/^epoch 2\/100000 {2}train /m)
  first.child.kill('SIGINT')
  const interrupted = await first.finished
  expect(interrupted.code, interrupted.stderr).toBe(130)
  expect(interrupted.stderr).toMatch(/^SIGINT: finishing the step; send it again to stop at once$/m)
  const { status, epochs } = JSON.parse(interrupted.stdout)
  expect(status).toBe('INTERRUPTED')
  expect(epochs).toBeGreaterThanOrEqual(2)
  expect(record(cwd, 1).status).toBe('INTERRUPTED')
  const earlier = readMetrics(join(cwd, 'sacred_runs', '1')).get('train.epoch.total_loss')!
  expect(earlier.steps).toHaveLength(epochs)

  const second = new Command(['train', '--resume', ...small(good, 100_000)], cwd)
  await second.says(new RegExp(`^epoch ${epochs + 2}/100000 {2}train `, 'm'))
  second.child.kill('SIGTERM')
  const terminated = await second.finished
  expect(terminated.code, terminated.stderr).toBe(143)
  // behind the one window of an epoch, or behind its validation
  expect(terminated.stderr).toMatch(
    new RegExp(`^resumed from .*last\\.pth, (after epoch ${epochs}|epoch ${epochs + 1} batch 2)$`, 'm'),
  )
  expect(record(cwd, 2).status).toBe('INTERRUPTED')
  const info = JSON.parse(readFileSync(join(cwd, 'sacred_runs', '2', 'info.json'), 'utf8'))
  const { run: from, epoch, step } = info.resumed_from
  expect([from, step]).toEqual([1, (epoch + 1) * 2])
  const whole = readMetrics(join(cwd, 'sacred_runs', '2')).get('train.epoch.total_loss')!
  expect(whole.values.slice(0, epochs)).toEqual(earlier.values)
  expect(whole.steps.slice(0, epochs + 2)).toEqual(Array.from({ length: epochs + 2 }, (_, i) => i))
})

test('SIGUSR1 saves and ends with 75, also while it opens; a second training in the folder is refused; SIGINT twice ends at once', async ctx => {
  if (process.platform === 'win32') ctx.skip('Windows has no such signals')
  const cwd = folder('queue')
  const words = ['train', '--resume', ...small(good, 100_000)]
  const first = new Command(words, cwd)
  await first.says(/^epoch 1\/100000 {2}train /m)
  const second = await run(words, cwd)
  expect(second.code).toBe(2)
  expect(second.stderr.trimEnd().split('\n').at(-1)).toMatch(
    new RegExp(`^sadaan-gpu: ./checkpoints: in use by another training, process ${first.child.pid} on `),
  )
  first.child.kill('SIGUSR1')
  const ended = await first.finished
  expect(ended.code, ended.stderr).toBe(75)
  expect(ended.stderr).toMatch(/^SIGUSR1: finishing the step/m)
  expect(ended.stderr).not.toContain('Debugger')
  expect(record(cwd, 1).status).toBe('TIMEOUT')

  const opening = new Command(words, cwd)
  await opening.says(/^adapter/m)
  opening.child.kill('SIGUSR1')
  expect((await opening.finished).code).toBe(75)
  expect(record(cwd, 2).status).toBe('TIMEOUT')

  const twice = new Command(words, cwd)
  await twice.says(/^resumed from/m)
  twice.child.kill('SIGINT')
  await twice.says(/^SIGINT: finishing the step/m)
  twice.child.kill('SIGINT')
  expect((await twice.finished).code).toBe(130)
  expect(readdirSync(join(cwd, 'checkpoints'))).not.toContain('.lock')
})

test('a closed terminal stops and saves with 129; under nohup, or a script under it, training goes on', async ctx => {
  if (process.platform === 'win32') ctx.skip('Windows has no such signals')
  const words = ['train', '--resume', ...small(good, 100_000)]
  const closed = new Command(words, folder('closed'))
  await closed.says(/^epoch 1\/100000 {2}train /m)
  closed.child.kill('SIGHUP')
  const ended = await closed.finished
  expect(ended.code, ended.stderr).toBe(129)
  expect(ended.stderr).toMatch(/^SIGHUP: finishing the step/m)
  expect(readdirSync(folder('closed', 'checkpoints'))).toContain('last.pth')
  expect(record(folder('closed'), 1).status).toBe('INTERRUPTED')

  const shell = new Shell(folder('bin'))
  const quoted = words.map(word => `'${word}'`).join(' ')
  for (const [way, script] of Object.entries({
    nohup: `nohup "${process.execPath}" "${PROGRAM}" ${quoted} & echo $! > pid; wait $!`,
    'a script under nohup': `trap '' HUP; "${process.execPath}" "${PROGRAM}" ${quoted} & echo $! > pid; wait $!`,
  })) {
    const cwd = folder(way)
    const { said, finished } = shell.start(script, cwd)
    const says = (pattern: RegExp) => vi.waitFor(() => expect(said.stderr).toMatch(pattern), { timeout: 1_800_000 })
    await Promise.race([says(/^epoch 1\/100000 {2}train /m), finished])
    const pid = Number(readFileSync(join(cwd, 'pid'), 'utf8'))
    process.kill(pid, 'SIGHUP')
    const epochs = said.stderr.match(/^epoch \d+\/100000 {2}train /gm)!.length
    await Promise.race([says(new RegExp(`^epoch ${epochs + 2}/100000 {2}train `, 'm')), finished])
    process.kill(pid, 'SIGTERM')
    const { code, output } = await finished
    expect(code, `${way}: ${output}`).toBe(143)
    expect(output).not.toContain('SIGHUP')
  }
})

test('a chunk that proves corrupt in the middle of training: exit 1, its file, dataset and sample, where to go on, and a record that failed', async () => {
  const dataset = folder('corrupt')
  await writeDataset(dataset, { samples: 4, structures: 2, imageSize: [32, 16, 16] })
  await corruptChunk(join(dataset, 'train.h5'), 'images', 3)
  const cwd = folder('middle')
  const { code, stdout, stderr } = await run(
    ['train', '--json', ...small(dataset, 1), 'training.shuffle=False', ...OFTEN],
    cwd,
  )
  expect(code, stderr).toBe(1)
  expect(stderr).toMatch(/^the newest checkpoint is \S*last\.pth; --resume continues from there$/m)
  expect(stderr.trimEnd().split('\n').at(-1)).toMatch(
    /^sadaan-gpu: \S*corrupt\/train\.h5: dataset 'images' sample 3 cannot be read \(.*\)$/,
  )
  expect(stdout).toBe('')
  const { status, fail_trace } = record(cwd, 1)
  expect(status).toBe('FAILED')
  expect(fail_trace!.join('')).toContain("dataset 'images' sample 3")
  // the good batch in front of it was trained and logged
  expect(readMetrics(join(cwd, 'sacred_runs', '1')).get('train.batch.total')!.steps).toEqual([0])
  expect(readdirSync(join(cwd, 'checkpoints'))).toEqual(['last.pth'])
})

test('a reader of either stream that goes away changes nothing', async () => {
  const cwd = folder('pipe')
  const command = new Command(['train', '--json', ...small(good, 3)], cwd)
  await command.says(/^model /m)
  command.child.stdout!.destroy()
  command.child.stderr!.destroy()
  const { code } = await command.finished
  expect(code).toBe(0)
  expect(record(cwd, 1).status).toBe('COMPLETED')
  expect(readMetrics(join(cwd, 'sacred_runs', '1')).get('val.epoch.total_loss')!.steps).toEqual([0, 1, 2])
})
