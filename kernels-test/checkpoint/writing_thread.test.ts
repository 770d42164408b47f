import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Checkpoint, readCheckpoint, writeCheckpoint, writeCopies } from '../../src/checkpoint/checkpoint.ts'
import { WritingThread } from '../../src/checkpoint/writing_thread.ts'
import { WriteError } from '../../src/util/whole_file.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { exampleCheckpoint } from './example.ts'
import { failAt } from './failing_calls.ts'

const root = temporaryDirectory()
const names = ['best_model.pth', 'checkpoint_epoch_5.pth', 'last.pth']
let folder = ''
let paths: string[] = []
beforeEach(() => {
  folder = fs.mkdtempSync(join(root, 'checkpoints-'))
  paths = names.map(name => join(folder, name))
})
afterEach(() => vi.restoreAllMocks())

/** The example with another epoch and tensors of its own, which may be moved. */
const example = (epoch: number): Checkpoint => structuredClone({ ...exampleCheckpoint, epoch })
const { optimizer: _optimizer, live: _live, sadaan: _sadaan, ...rest } = exampleCheckpoint
const bare: Checkpoint = { ...rest, model: new Map([...rest.model].slice(0, 1)) }
const epochs = (): number[] => paths.map(path => readCheckpoint(path).epoch)

it('a call that fails under any of several names, whichever it is: path and reason are named, every file is whole', () => {
  /** With as few pieces as a checkpoint can have, for few calls. */
  const small = (epoch: number): Checkpoint => ({ ...bare, epoch })
  const calls = failAt(0)
  writeCopies(paths, small(4))
  expect(calls.filter(name => name === 'renameSync')).toHaveLength(names.length)
  for (let call = 1; call <= calls.length; call++) {
    vi.restoreAllMocks()
    writeCopies(paths, small(4))
    failAt(call)
    let failure: unknown
    try {
      writeCopies(paths, small(5))
    } catch (error) {
      failure = error
    }
    vi.restoreAllMocks()
    const failed = Math.floor((call - 1) / (calls.length / names.length))
    expect(failure).toBeInstanceOf(WriteError)
    expect((failure as Error).message).toBe(`${paths[failed]}: cannot be written (EIO: ${calls[call - 1]})`)
    // what comes before is new, what comes behind is old
    const written = epochs()
    expect([written.slice(0, failed), written.slice(failed + 1)]).toEqual([
      [5, 5].slice(0, failed),
      [4, 4].slice(failed),
    ])
    expect([4, 5]).toContain(written[failed])
    expect(fs.readdirSync(folder).sort()).toEqual(names)
  }
})

describe('the writing thread', () => {
  it('writes the same bytes under each name, one checkpoint after the other, and takes the tensors', async () => {
    const thread = new WritingThread()
    const given = example(6)
    await Promise.all([
      thread.write(paths, example(5)),
      thread.write(
        ['last.pth'].map(n => join(folder, n)),
        given,
      ),
    ])
    await thread.close()
    expect(epochs()).toEqual([5, 5, 6])
    for (const { data } of given.model.values()) expect(data.buffer.byteLength).toBe(0)
    writeCheckpoint(join(folder, 'here.pth'), example(6))
    expect(fs.readFileSync(paths[2]!).equals(fs.readFileSync(join(folder, 'here.pth')))).toBe(true)
  })

  it('says which file could not be written and why, and goes on with the next', async () => {
    const thread = new WritingThread()
    const missing = join(folder, 'missing', 'last.pth')
    const failure = await thread.write([missing], example(5)).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(WriteError)
    expect((failure as Error).message).toMatch(`${missing}: cannot be written (ENOENT`)
    await thread.write(paths, example(5))
    expect(epochs()).toEqual([5, 5, 5])
    await thread.close()
  })

  it('that ends with work left says so', async () => {
    const thread = new WritingThread()
    const written = thread.write(paths, example(5)).catch((error: unknown) => error)
    await thread.close()
    expect(((await written) as Error).message).toBe(
      `${paths.join(', ')}: cannot be written (the writing thread was closed)`,
    )
  })

  it('keeps the old checkpoint where the disk takes no more', ctx => {
    if (process.platform !== 'linux') ctx.skip('the limit on file sizes is set as on Linux')
    writeCopies(paths, example(4))
    const module = (name: string) => JSON.stringify(new URL(`../../src/checkpoint/${name}.ts`, import.meta.url).href)
    const body = `import { readCheckpoint } from ${module('checkpoint')}
      import { WritingThread } from ${module('writing_thread')}
      const checkpoint = readCheckpoint(${JSON.stringify(paths[2])})
      checkpoint.model.set('large', { dtype: 'f32', shape: [2 ** 18], data: new Float32Array(2 ** 18) })
      const thread = new WritingThread()
      await thread.write(${JSON.stringify(paths)}, checkpoint).catch(error => console.log(error.name, error.message))
      await thread.close()`
    // Files end at 64 KiB: the write is cut short, the next one fails.
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '--eval', body]
    const limited = ['-c', 'trap "" XFSZ; ulimit -f 64; exec "$@"', 'bash', ...node]
    const { stdout, stderr } = spawnSync('bash', limited, { encoding: 'utf8' })
    expect(stdout, stderr).toBe(`WriteError ${paths[0]}: cannot be written (EFBIG: file too large, write)\n`)
    expect(epochs()).toEqual([4, 4, 4])
    expect(fs.readdirSync(folder).sort()).toEqual(names)
  })
})
