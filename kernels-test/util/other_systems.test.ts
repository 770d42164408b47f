import fs, { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { processStart } from '../../src/checkpoint/process_start.ts'
import { loadConfig } from '../../src/config/load.ts'
import { replaceFile, replaceFileLater } from '../../src/util/files/rename.ts'
import { readText, writeText } from '../../src/util/whole_file.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { onPlatform } from './on_platform.ts'

const folder = temporaryDirectory()
const from = join(folder, 'from')
const to = join(folder, 'to')

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

/** As Windows refuses to replace a file that is open elsewhere. */
function held(): NodeJS.ErrnoException {
  const facts = { code: 'EPERM', syscall: 'rename', errno: -4048 }
  return Object.assign(new Error(`EPERM: operation not permitted, rename '${from}' -> '${to}'`), facts)
}

test('on Windows, a file that another program lets go of within a second is replaced', async () => {
  writeFileSync(from, 'new')
  writeFileSync(to, 'old')
  const { renameSync } = fs
  const rename = vi.spyOn(fs, 'renameSync')
  for (let i = 0; i < 3; i++)
    rename.mockImplementationOnce(() => {
      throw held()
    })
  rename.mockImplementation(renameSync)
  await onPlatform('win32', () => replaceFile(from, to))
  expect(readFileSync(to, 'utf8')).toBe('new')
  expect(rename).toHaveBeenCalledTimes(4)

  writeFileSync(from, 'newer')
  const later = vi.spyOn(fs.promises, 'rename').mockRejectedValueOnce(held())
  await onPlatform('win32', () => replaceFileLater(from, to))
  expect(readFileSync(to, 'utf8')).toBe('newer')
  later.mockRejectedValueOnce(held())
  await expect(onPlatform('linux', () => replaceFileLater(from, to))).rejects.toThrow('EPERM')
})

test('on Windows, a file that stays open is refused in one line that says so; elsewhere at once', async () => {
  writeFileSync(to, 'old')
  const rename = vi.spyOn(fs, 'renameSync').mockImplementation(() => {
    throw held()
  })
  const line = `${to}: cannot be written (EPERM: operation not permitted, rename`
  await expect(onPlatform('win32', () => writeText(to, 'new'))).rejects.toThrow(
    `${line}; another program may hold it open)`,
  )
  expect(rename).toHaveBeenCalledTimes(8)
  await expect(onPlatform('darwin', () => writeText(to, 'new'))).rejects.toThrow(`${line})`)
  expect(rename).toHaveBeenCalledTimes(9)
  expect(readFileSync(to, 'utf8')).toBe('old')
})

test('the start of a process is what the system says, and unknown where it says nothing', async ctx => {
  if (process.platform === 'win32') ctx.skip('plays PowerShell by a shell script')
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const powershell = join(bin, 'powershell.exe')
  writeFileSync(powershell, `#!/bin/sh\necho "$4" >"${bin}/asked"\necho 2026-12-01T09:34:06.1234567Z\n`)
  chmodSync(powershell, 0o755)
  vi.stubEnv('PATH', [bin, process.env.PATH].join(delimiter))
  expect(await onPlatform('win32', () => processStart(4711))).toBe(Date.UTC(2026, 11, 1, 9, 34, 6, 123))
  expect(readFileSync(join(bin, 'asked'), 'utf8')).toContain('Get-Process -Id 4711')
  writeFileSync(powershell, '#!/bin/sh\nexit 1\n')
  expect(await onPlatform('win32', () => processStart(4711))).toBeUndefined()
})

test('ps says when a process started', ctx => {
  if (process.platform === 'win32' || !existsSync('/bin/ps')) ctx.skip('needs ps')
  expect(Math.abs(processStart(process.pid)! - performance.timeOrigin)).toBeLessThan(60_000)
})

const CONFIG = '{\r\n  "training": {\r\n    "num_epochs": 7\r\n  }\r\n}\r\n'

test.each([
  ['UTF-8 with a byte order mark', Buffer.from(`\uFEFF${CONFIG}`)],
  ['UTF-16, little-endian, as PowerShell 5 writes it', Buffer.from(`\uFEFF${CONFIG}`, 'utf16le')],
  ['UTF-16, big-endian', Buffer.from(`\uFEFF${CONFIG}`, 'utf16le').swap16()],
])('a configuration with CRLF in %s is read', (_, bytes) => {
  const path = join(folder, 'config.json')
  writeFileSync(path, bytes)
  expect(readText(path)).toBe(CONFIG)
  expect(loadConfig({ file: path, overrides: [] }).config.training.num_epochs).toBe(7)
})
