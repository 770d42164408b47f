import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { TorchTensor } from '../../src/checkpoint/pickle/torch_tensor.ts'
import { encodePth, readPth, writePth } from '../../src/checkpoint/pth_file.ts'
import { temporaryOf, WriteError, writeWhole } from '../../src/util/whole_file.ts'
import { failAt } from './failing_calls.ts'

let folder = ''
let path = ''
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'checkpoint-'))
  path = join(folder, 'last.pth')
})
afterEach(() => {
  vi.restoreAllMocks()
  fs.rmSync(folder, { recursive: true })
})

const pieces = [Buffer.from('new '), Buffer.from('content')]
const content = () => fs.readFileSync(path, 'utf8')

describe('writing atomically', () => {
  it('writes, and again over it, and leaves nothing else', () => {
    writeWhole(path, [Buffer.from('old')])
    writeWhole(path, pieces)
    expect(content()).toBe('new content')
    expect(fs.readdirSync(folder)).toStrictEqual(['last.pth'])
  })

  it('is not confused by what a killed run left', () => {
    fs.writeFileSync(temporaryOf(path), 'half a checkpoint, longer than the new one')
    writeWhole(path, pieces)
    expect(content()).toBe('new content')
    expect(fs.readdirSync(folder)).toStrictEqual(['last.pth'])
  })

  it('syncs the file before the rename and the folder after it', () => {
    const calls = failAt(0)
    writeWhole(path, pieces)
    expect(calls).toStrictEqual([
      ...['openSync', 'writeSync', 'writeSync', 'fsyncSync', 'renameSync', 'openSync', 'fsyncSync'],
    ])
  })

  it.each([1, 2, 3, 4, 5, 6, 7])('names path and reason when call %i fails, and the file is whole', failing => {
    writeWhole(path, [Buffer.from('old')])
    const calls = failAt(failing)
    expect(() => writeWhole(path, pieces)).toThrow(WriteError)
    vi.restoreAllMocks()
    expect(calls).toHaveLength(failing)
    // From the rename on the new file is there, whole; before it the old one.
    expect(content()).toBe(failing > 5 ? 'new content' : 'old')
    expect(fs.readdirSync(folder)).toStrictEqual(['last.pth'])
  })

  it('says which path and why', () => {
    const missing = join(folder, 'missing', 'last.pth')
    expect(() => writeWhole(missing, pieces)).toThrow(`${missing}: cannot be written (ENOENT`)
    fs.mkdirSync(temporaryOf(path))
    expect(() => writeWhole(path, pieces)).toThrow(`${path}: cannot be written (EISDIR`)
    fs.rmdirSync(temporaryOf(path))
    fs.mkdirSync(path)
    expect(() => writeWhole(path, pieces)).toThrow(/last\.pth: cannot be written \(E/)
    expect(fs.readdirSync(folder)).toStrictEqual(['last.pth'])
  })
})

/** A program that imports the code under test; it runs in a process of its own. */
function program(body: string): string[] {
  const source = new URL('../../src/checkpoint/', import.meta.url)
  const imports = `import { writePth } from ${JSON.stringify(new URL('pth_file.ts', source).href)}\n`
  return ['--import', 'tsx', '--input-type=module', '--eval', imports + body]
}
const tensorOf = 'value => ({ dtype: "f32", shape: [2 ** 18], data: new Float32Array(2 ** 18).fill(value) })'

describe('a process that dies while it writes', () => {
  it('leaves a whole checkpoint, whenever it is killed', async () => {
    const body = `const tensor = ${tensorOf}
      for (let i = 0; ; i++) { writePth(${JSON.stringify(path)}, tensor(i)); if (i === 0) console.log('ready') }`
    for (const delay of [0, 2, 5, 11]) {
      const child = spawn(process.execPath, program(body), { stdio: ['ignore', 'pipe', 'inherit'] })
      await once(child.stdout, 'data')
      await new Promise(resolve => setTimeout(resolve, delay))
      child.kill('SIGKILL')
      await once(child, 'exit')
      const { shape, data } = readPth(path) as TorchTensor
      expect(shape).toStrictEqual([2 ** 18])
      expect(new Set<number | bigint>(data).size).toBe(1)
    }
  })

  it('keeps the old checkpoint where the disk takes no more', ctx => {
    if (process.platform !== 'linux') ctx.skip('the limit on file sizes is set as on Linux')
    writePth(path, 'old')
    const body = `const tensor = ${tensorOf}
      try { writePth(${JSON.stringify(path)}, tensor(1)) } catch (error) { console.log(error.name, error.message) }`
    // Files end at 64 KiB: the write is cut short, the next one fails.
    const limited = ['-c', 'trap "" XFSZ; ulimit -f 64; exec "$@"', 'bash', process.execPath, ...program(body)]
    const { stdout } = spawnSync('bash', limited, { encoding: 'utf8' })
    expect(stdout).toBe(`WriteError ${path}: cannot be written (EFBIG: file too large, write)\n`)
    expect(readPth(path)).toBe('old')
    expect(fs.readFileSync(path).equals(Buffer.concat(encodePth('old')))).toBe(true)
    expect(fs.readdirSync(folder)).toStrictEqual(['last.pth'])
  })
})
