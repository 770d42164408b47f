import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InputError } from '../../src/util/error.ts'
import { makeFolder, makeFolders } from '../../src/util/files/folder.ts'
import { isRegularFile, openInput } from '../../src/util/files/input_file.ts'
import { codeOf, reasonOf } from '../../src/util/files/reason.ts'
import { readText, readWhole, removeStale, temporaryOf, WriteError, writeWhole } from '../../src/util/whole_file.ts'

const hasPipes = process.platform !== 'win32'
let folder = ''
beforeAll(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'files-'))
})
afterAll(() => fs.rmSync(folder, { recursive: true }))

describe('reading', () => {
  test.skipIf(!hasPipes)('a named pipe is refused and not waited for, under a link too', () => {
    const pipe = join(folder, 'pipe')
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
    fs.symlinkSync(pipe, join(folder, 'to_pipe'))
    for (const path of [pipe, join(folder, 'to_pipe')])
      for (const read of [openInput, readWhole, readText])
        expect(() => read(path)).toThrow(new InputError(`${path}: is a named pipe, not a regular file`))
    expect(isRegularFile(pipe)).toBe(false)
  })

  test.skipIf(!hasPipes)('a device and a link to one are refused', () => {
    const link = join(folder, 'zero')
    fs.symlinkSync('/dev/zero', link)
    for (const path of ['/dev/zero', link])
      expect(() => readWhole(path)).toThrow(new InputError(`${path}: is a device, not a regular file`))
  })

  test.skipIf(!hasPipes)('a socket is refused', async () => {
    const path = join(folder, 'socket')
    const server = createServer()
    await new Promise<void>(resolve => server.listen(path, resolve))
    expect(() => readWhole(path)).toThrow(new InputError(`${path}: is a socket, not a regular file`))
    await new Promise(resolve => server.close(resolve))
  })

  test('a folder, nothing and a file of too many bytes give path and reason', () => {
    expect(() => readWhole(folder)).toThrow(`${folder}: is a folder, not a regular file`)
    const missing = join(folder, 'missing')
    let error: unknown
    try {
      readWhole(missing)
    } catch (caught) {
      error = caught
    }
    expect(error).toEqual(new InputError(`${missing}: cannot be read (ENOENT: no such file or directory, stat)`))
    expect(codeOf(error)).toBe('ENOENT')
    expect(() => readText(missing, 'a table')).toThrow(new InputError(`${missing}: no such file, expected a table`))
    expect(() => readText(folder, 'a table')).toThrow(new InputError(`${folder}: is a folder, expected a table`))
    const large = join(folder, 'large')
    fs.writeFileSync(large, 'abc')
    expect(() => readWhole(large, { most: 2 })).toThrow(`${large}: 3 bytes, at most 2 can be read`)
    expect(readWhole(large, { most: 3 }).toString()).toBe('abc')
  })

  test('text comes without its byte order mark', () => {
    const path = join(folder, 'text')
    fs.writeFileSync(path, '\uFEFF{"a": "ä"}')
    expect(readText(path)).toBe('{"a": "ä"}')
  })
})

describe('making folders', () => {
  test('makes those above, and says which was the first', () => {
    const path = join(folder, 'a', 'b', 'c')
    expect(makeFolder(path, 'a folder')).toBe(join(folder, 'a'))
    expect(fs.statSync(path).isDirectory()).toBe(true)
    expect(makeFolder(path, 'a folder')).toBeUndefined()
  })

  test('a file in the way is wrong input, with path and purpose', () => {
    const file = join(folder, 'file')
    fs.writeFileSync(file, '')
    expect(() => makeFolder(file, 'a folder for the results')).toThrow(
      new InputError(`${file}: cannot create a folder for the results (${file} is no folder)`),
    )
    const below = join(file, 'x', 'y')
    expect(() => makeFolder(below, 'a folder for the results')).toThrow(InputError)
    expect(() => makeFolder(below, 'a folder for the results')).toThrow(
      `${below}: cannot create a folder for the results (${file} is no folder)`,
    )
  })

  test.skipIf(process.platform !== 'linux')('ends where the file system makes none', () => {
    expect(() => makeFolders('/proc/nowhere/a/b')).toThrow(/^ENOENT/)
    expect(() => makeFolder('/proc/nowhere/a/b', 'a folder')).toThrow(InputError)
    expect(() => makeFolder('/proc/nowhere/a/b', 'a folder')).toThrow(
      '/proc/nowhere/a/b: cannot create a folder (ENOENT',
    )
  })

  test('a link to nothing is in the way', () => {
    const link = join(folder, 'dangling')
    fs.symlinkSync(join(folder, 'nothing'), link)
    expect(() => makeFolder(link, 'a folder')).toThrow(`${link}: cannot create a folder (${link} is no folder)`)
  })
})

describe('what a killed process left', () => {
  const gone = spawnSync(process.execPath, ['-e', '']).pid
  const leftOf = (name: string, pid: number): string => join(folder, `.${name}.${pid}.tmp`)

  test('is removed by the next that writes the file; nothing else is', () => {
    const path = join(folder, 'result.json')
    const others = [
      leftOf('other.json', gone),
      leftOf('result.json', process.ppid),
      join(folder, `.result.json.x${gone}.tmp`),
    ]
    for (const each of [leftOf('result.json', gone), ...others]) fs.writeFileSync(each, 'half')
    writeWhole(path, [Buffer.from('whole')])
    expect(fs.existsSync(leftOf('result.json', gone))).toBe(false)
    expect(others.filter(each => !fs.existsSync(each))).toEqual([])
    expect(fs.existsSync(temporaryOf(path))).toBe(false)
    expect(fs.readFileSync(path, 'utf8')).toBe('whole')
  })

  test('is no reason to fail', () => {
    expect(() => removeStale(join(folder, 'nowhere', 'x'))).not.toThrow()
    fs.mkdirSync(leftOf('folder', gone))
    removeStale(join(folder, 'folder'))
    expect(fs.existsSync(leftOf('folder', gone))).toBe(true)
  })
})

test('the reason of a failure names the call and leaves the path to the message', () => {
  const path = join(folder, 'no', 'where')
  expect(() => writeWhole(path, [])).toThrow(
    new WriteError(`${path}: cannot be written (ENOENT: no such file or directory, open)`),
  )
  expect(reasonOf(new Error("read 'a'"))).toBe("read 'a'")
  expect(reasonOf('thrown')).toBe('thrown')
})
