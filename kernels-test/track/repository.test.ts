import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { describeRepository } from '../../src/track/repository.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'

function git(directory: string, ...words: string[]): string {
  const author = ['-c', 'user.name=a', '-c', 'user.email=a@example.org']
  return execFileSync('git', ['-C', directory, ...author, ...words], { encoding: 'utf8' }).trim()
}

function makeRepository(): string {
  const directory = temporaryDirectory()
  git(directory, 'init', '--quiet')
  writeFileSync(join(directory, 'cfg.json'), '{}')
  git(directory, 'add', '.')
  git(directory, 'commit', '--quiet', '-m', 'first')
  return directory
}

test('commit, address and whether tracked files have changed, from any subfolder', () => {
  const root = makeRepository()
  const below = join(root, 'runs', 'a')
  mkdirSync(below, { recursive: true })
  const commit = git(root, 'rev-parse', 'HEAD')
  const top = git(root, 'rev-parse', '--show-toplevel')
  expect(describeRepository(below)).toEqual({ url: `git:/${top}`, commit, dirty: false })
  writeFileSync(join(below, 'new'), 'files that git does not know are no change')
  expect(describeRepository(root)!.dirty).toBe(false)
  writeFileSync(join(root, 'cfg.json'), '{"seed": 1}')
  expect(describeRepository(below)!.dirty).toBe(true)
})

test.each([
  ['https://someone:token@example.org/a/b.git', 'https://example.org/a/b.git'],
  ['https://token@example.org/a/b.git', 'https://example.org/a/b.git'],
  ['https://example.org/a/b@c.git', 'https://example.org/a/b@c.git'],
  ['git@example.org:a/b.git', 'git@example.org:a/b.git'],
])('of the address %s no secret is kept', (url, kept) => {
  const root = makeRepository()
  git(root, 'remote', 'add', 'upstream', url)
  expect(describeRepository(root)!.url).toBe(kept)
})

test('undefined without a checkout, without a commit, or for a missing folder', () => {
  const directory = temporaryDirectory()
  expect(describeRepository(directory)).toBeUndefined()
  git(directory, 'init', '--quiet')
  expect(describeRepository(directory)).toBeUndefined()
  expect(describeRepository(join(directory, 'none'))).toBeUndefined()
})

test('a program named in the settings of the checkout is not started', () => {
  const root = makeRepository()
  const trace = join(root, 'started')
  git(root, 'config', 'core.fsmonitor', `touch ${trace}; false`)
  writeFileSync(join(root, 'cfg.json'), '{"seed": 2}')
  expect(describeRepository(root)!.dirty).toBe(true)
  expect(existsSync(trace)).toBe(false)
  git(root, 'status')
  expect(existsSync(trace), 'git itself starts it').toBe(true)
})
