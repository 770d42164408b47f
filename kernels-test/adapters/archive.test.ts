import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkIntegrity, readTar } from '../../src/gpu/software/archive.ts'

const folder = mkdtempSync(join(tmpdir(), 'sadaan-gpu-tar-'))
const long = `${'d'.repeat(90)}/${'f'.repeat(60)}` // beyond the 100 bytes of the name field: goes into the prefix
const large = Buffer.from(Array.from({ length: 1500 }, (_, index) => index % 251)) // not a whole number of blocks
let tar: Buffer

beforeAll(() => {
  mkdirSync(join(folder, 'd'.repeat(90)))
  writeFileSync(join(folder, 'large'), large)
  writeFileSync(join(folder, 'empty'), '')
  writeFileSync(join(folder, long), 'last')
  symlinkSync('large', join(folder, 'link'))
  const entries = ['large', 'empty', 'link', 'd'.repeat(90)]
  tar = execFileSync('tar', ['--format=ustar', '-cf', '-', '-C', folder, ...entries])
})

afterAll(() => rmSync(folder, { recursive: true }))

test('reads what tar wrote: files only, whole, long names too', () => {
  const files = readTar(tar)
  expect([...files.keys()]).toEqual(['large', 'empty', long])
  expect(files.get('large')!.equals(large)).toBe(true)
  expect(files.get('empty')!.length).toBe(0)
  expect(files.get(long)!.toString()).toBe('last')
})

test('refuses a damaged header', () => {
  const damaged = Buffer.from(tar)
  damaged[2] = damaged[2]! ^ 1 // in the first file's name
  expect(() => readTar(damaged)).toThrow('tar: header at byte 0 has a wrong checksum')
})

test('refuses an archive that ends inside a file', () => {
  expect(() => readTar(tar.subarray(0, 1024))).toThrow('tar: large ends at byte 2012, the archive at 1024')
})

test('refuses bytes that are not the pinned ones', () => {
  // the digest of 'abc' of FIPS 180-4
  const integrity = 'sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw=='
  expect(() => checkIntegrity('a@1', Buffer.from('abc'), integrity)).not.toThrow()
  expect(() => checkIntegrity('a@1', Buffer.from('abd'), integrity)).toThrow(
    `a@1: expected ${integrity}, found sha512-`,
  )
})
