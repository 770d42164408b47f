import { spawnSync } from 'node:child_process'
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type SmallSplit, temporaryDirectory, writeDataset } from '../data/small_dataset.ts'
import { run } from './command.ts'
import { PROGRAM } from './program.ts'

const root = temporaryDirectory()
const small: SmallSplit = { samples: 2, structures: 2, imageSize: [32, 16, 16] }
const hasPipes = process.platform !== 'win32'

describe.skipIf(!hasPipes)('a named pipe where a file is expected is one line, and nothing waits for it', () => {
  const datasetWithPipe = (name: string): string => {
    const folder = join(root, `no ${name}`)
    mkdirSync(folder)
    for (const file of ['train.h5', 'val.h5', 'metadata.json'])
      copyFileSync(join(root, 'good', file), join(folder, file))
    rmSync(join(folder, name), { force: true })
    pipe(join(folder, name))
    return folder
  }
  const pipe = (path: string): string => {
    expect(spawnSync('mkfifo', [path]).status).toBe(0)
    return path
  }
  beforeAll(async () => {
    mkdirSync(join(root, 'good'))
    await writeDataset(join(root, 'good'), small)
    for (const name of ['a.nii', 'a.nii.gz', 'a.dcm', 'a.h5', 'a.pth', 'a.safetensors', 'a.json'])
      pipe(join(root, name))
    for (const name of ['train.h5', 'metadata.json', 'hashes.json']) datasetWithPipe(name)
    mkdirSync(join(root, 'nnunet'))
    pipe(join(root, 'nnunet', 'dataset.json'))
    mkdirSync(join(root, 'labels'))
    symlinkSync('/dev/zero', join(root, 'zero.nii'))
    symlinkSync('/dev/zero', join(root, 'zero.pth'))
  })

  test.each([
    ['inspect a.nii', 'a.nii: is a named pipe'],
    ['inspect a.nii.gz', 'a.nii.gz: is a named pipe'],
    ['inspect a.dcm', 'a.dcm: is a named pipe'],
    ['inspect zero.nii', 'zero.nii: is a device'],
    ['inspect zero.pth', 'zero.pth: is a device'],
    ['inspect a.h5', 'a.h5: is a named pipe'],
    ['predict --weights a.pth --input a.nii --output o', 'a.pth: is a named pipe'],
    ['predict --weights zero.pth --input a.nii --output o', 'zero.pth: is a device'],
    ['export --weights a.safetensors --output o.onnx', 'a.safetensors: is a named pipe'],
    ['train --config a.json', 'a.json: is a named pipe'],
    ['train --resume a.pth with dataset_path=good', 'a.pth: is a named pipe'],
    ['analysis --train a.json --val a.json --test a.json --output o', 'a.json: is a named pipe'],
    ['import --manifest a.json --output-dir o --image-size 16,16,16', 'a.json: is a named pipe'],
    ['import --images nnunet --output-dir o --image-size 16,16,16', 'dataset.json: is a named pipe'],
  ])('sadaan-gpu %s', async (words, line) => {
    const { code, stderr } = await run(words.split(' '), root)
    expect(stderr).toMatch(/^sadaan-gpu: [^\n]+\n$/)
    expect(stderr).toContain(line)
    expect(code).toBe(2)
  })

  test.each(['train.h5', 'metadata.json', 'hashes.json'])('%s of a dataset', async name => {
    const folder = `no ${name}`
    const inspected = await run(['inspect', folder], root)
    expect(inspected.stderr).toMatch(new RegExp(`^sadaan-gpu: no ${name}/${name}: is a named pipe, [^\\n]+\\n$`))
    expect(inspected.code).toBe(2)
    const { code, stdout } = await run(['validate', folder], root)
    expect(stdout).toMatch(new RegExp(`${name} .*is a named pipe`))
    expect(code).toBe(1)
  })
})

describe.skipIf(process.platform !== 'linux')('a result that is lost is a failure', () => {
  const written = (path: string, words: readonly string[]): { status: number | null; stderr: string } => {
    const file = openSync(path, 'w')
    const ended = spawnSync(process.execPath, [PROGRAM, ...words], {
      stdio: ['ignore', file, 'pipe'],
      encoding: 'utf8',
      cwd: root,
    })
    closeSync(file)
    return ended
  }

  test.each(['print_config', '--help', '--version', 'inspect good --json'])('sadaan-gpu %s > /dev/full', words => {
    const { status, stderr } = written('/dev/full', words.split(' '))
    expect(stderr).toBe('sadaan-gpu: standard output: cannot be written (ENOSPC: no space left on device, write)\n')
    expect(status).toBe(1)
  })

  test('a reader that goes away is none', () => {
    const script = `"${process.execPath}" "${PROGRAM}" print_config | true; echo "\${PIPESTATUS[0]}"`
    const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
    expect([stdout, stderr]).toEqual(['0\n', ''])
    const path = join(root, 'config.txt')
    expect(written(path, ['print_config']).status).toBe(0)
    expect(readFileSync(path, 'utf8')).toMatch(/^Configuration/)
  })
})

test('names reach the terminal printable, and a message ends', async () => {
  const escaped = await run(['inspect', '\u001b[31mred\nline'], root)
  expect(escaped.stderr).toMatch(/^sadaan-gpu: \\u\{1b\}\[31mred\\u\{a\}line: no such file [^\n]+\n$/)
  const path = join(root, 'names.json')
  writeFileSync(path, JSON.stringify({ ['x'.repeat(20_000)]: 1 }))
  const long = await run(['print_config', '--config', path], root)
  expect(long.stderr).toMatch(/^sadaan-gpu: configuration: unknown key "x+…x+" \(from [^\n]+names\.json\)\n$/)
  expect(long.stderr.length).toBeLessThan(620)
  expect([escaped.code, long.code]).toEqual([2, 2])
})
