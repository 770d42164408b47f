import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type RunningBoard, startBoard } from '../../src/board/board.ts'
import type { RunPage } from '../../src/board/wire/run.ts'
import { RunDirectory } from '../../src/track/run_directory.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { request } from '../track/request.ts'
import { ask, jsonOf } from './ask.ts'

const SECRET = 'nobody may read this'
const HOSTILE = '<img src=x onerror=alert(1)>'

const root = temporaryDirectory()
const folder = join(root, 'runs')
const pages = join(root, 'pages')
let board: RunningBoard
let before: string

beforeAll(async () => {
  mkdirSync(pages)
  mkdirSync(join(root, 'outside'))
  writeFileSync(join(pages, 'index.html'), '<!doctype html>')
  for (const at of ['', 'outside']) writeFileSync(join(root, at, 'secret.txt'), SECRET)
  const run = RunDirectory.create({ ...request(folder), comment: HOSTILE })!
  run.keep({ name: 'page.html', bytes: Buffer.from('<script>alert(1)</script>') })
  run.keep({ name: 'curve.svg', bytes: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>') })
  await run.finish({ status: 'COMPLETED' })
  symlinkSync(join(root, 'secret.txt'), join(run.path, 'linked.txt'))
  symlinkSync(join(root, 'outside'), join(folder, '2'))
  mkdirSync(join(folder, '3'))
  symlinkSync(join(root, 'secret.txt'), join(folder, '3', 'run.json'))
  before = contents(folder)
  vi.stubEnv('XDG_CACHE_HOME', join(root, 'cache'))
  board = await startBoard({ folders: [folder], pages })
})
afterAll(async () => {
  await board.close()
})

/** Names, sizes and times of everything below a folder. */
function contents(of: string): string {
  const names = readdirSync(of, { recursive: true, encoding: 'utf8' }).sort()
  return names.map(name => `${name} ${statSync(join(of, name)).mtimeMs} ${statSync(join(of, name)).size}`).join('\n')
}

test('listens on this machine only, without a token', () => {
  expect(board.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/)
})

test.each(['localhost', '127.0.0.1', '[::1]:99', hostname()])('the Host %s is this machine', async host => {
  expect((await ask(board.url, '/', { host })).status).toBe(200)
})

test.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', ':80', 'a b', `${hostname()}x`])(
  'the Host "%s" is refused',
  async host => {
    expect((await ask(board.url, '/api/runs', { host })).status).toBeGreaterThanOrEqual(400)
  },
)

test('pages of other sites are refused', async () => {
  const host = new URL(board.url).host
  const status = async (headers: Record<string, string>) => (await ask(board.url, '/api/runs', headers)).status
  expect(await status({ host, origin: `http://${host}` })).toBe(200)
  expect(await status({ host, origin: 'http://evil.example' })).toBe(403)
  expect(await status({ host, origin: 'null' })).toBe(403)
  expect(await status({ host, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })).toBe(403)
  // a link that somebody clicks
  const clicked = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  expect(await status({ host, ...clicked })).toBe(200)
})

test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s is refused', async method => {
  expect((await ask(board.url, '/api/runs', {}, method)).status).toBe(405)
})

test.each([
  '/../secret.txt',
  '/..%2fsecret.txt',
  '/%2e%2e/secret.txt',
  '/..%5csecret.txt',
  '/%00',
  '/api/file?id=runs%2F1&name=../../secret.txt',
  '/api/file?id=runs%2F1&name=..%2F..%2Fsecret.txt',
  '/api/file?id=runs%2F1&name=..%5C..%5Csecret.txt',
  '/api/file?id=runs%2F1&name=linked.txt',
  '/api/file?id=runs%2F1&name=.',
  '/api/file?id=runs%2F1&name=',
  '/api/file?id=runs%2F1&name=run.json%00',
  '/api/file?id=runs%2F1%2F..%2F..&name=secret.txt',
  '/api/file?id=runs%2F2&name=secret.txt',
  '/api/file?id=..&name=secret.txt',
  '/api/picture?id=runs%2F1&name=../..&epoch=0',
  '/api/results/file?id=runs&name=../secret.txt',
])('%s leads nowhere', async path => {
  const { status, text } = await ask(board.url, path)
  expect(status).toBeGreaterThanOrEqual(400)
  expect(text).not.toContain(SECRET)
})

test('a record that is a link out of the folder shows nothing of it', async () => {
  const { text } = await ask(board.url, '/api/run?id=runs%2F3')
  expect(text).not.toContain(SECRET)
})

test('every answer has the headers that keep a page to itself', async () => {
  for (const path of ['/', '/api/runs', '/nothing', '/api/file?id=runs%2F1&name=nothing']) {
    const { headers } = await ask(board.url, path)
    expect(headers, path).toMatchObject({
      'content-security-policy': expect.stringContaining("connect-src 'self'"),
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    })
    expect(headers['content-security-policy'], path).not.toContain('unsafe-inline')
  }
})

test('what a record holds is data: saved, or shown without scripts', async () => {
  const page = await ask(board.url, '/api/file?id=runs%2F1&name=page.html')
  expect(page.headers).toMatchObject({ 'content-type': 'application/octet-stream' })
  expect(page.headers['content-disposition']).toMatch(/^attachment/)
  const picture = await ask(board.url, '/api/file?id=runs%2F1&name=curve.svg')
  expect(picture.headers['content-type']).toBe('image/svg+xml')
  expect(picture.headers['content-security-policy']).toMatch(/^default-src 'none';.*sandbox$/)
  const { headers, text } = await ask(board.url, '/api/run?id=runs%2F1')
  expect(headers['content-type']).toMatch(/^application\/json/)
  expect((JSON.parse(text) as RunPage).row.comment).toBe(HOSTILE)
})

test('a board for other machines asks for its token', async () => {
  const open = await startBoard({ folders: [folder], pages, host: '0.0.0.0' })
  try {
    const token = new URL(open.url).searchParams.get('token')!
    expect(token.length).toBeGreaterThan(20)
    const status = async (path: string, headers = {}) => (await ask(open.url, path, headers)).status
    expect(await status('/api/runs')).toBe(401)
    expect(await status('/api/runs?token=wrong')).toBe(401)
    expect(await status('/api/runs', { cookie: 'sadaan-board=wrong' })).toBe(401)
    expect(await status('/api/runs', { authorization: `Bearer ${token}` })).toBe(200)
    const entered = await ask(open.url, `/?token=${token}`)
    expect([entered.status, entered.headers.location]).toEqual([302, '/'])
    const [cookie] = entered.headers['set-cookie']!
    expect(cookie).toMatch(/HttpOnly; SameSite=Strict/)
    expect(await status('/api/runs', { cookie: cookie!.split(';')[0]! })).toBe(200)
  } finally {
    await open.close()
  }
})

test('nothing is written into what it watches', async () => {
  await jsonOf(board.url, '/api/runs')
  await jsonOf(board.url, '/api/series?id=runs%2F1')
  expect(contents(folder)).toBe(before)
})
