// full: trains, builds the pages and drives Chromium
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll, expect, type TestContext, test, vi } from 'vitest'
import { type RunningBoard, startBoard } from '../../src/board/board.ts'
import { regionColor } from '../../src/report/chart/palette.ts'
import { RunDirectory } from '../../src/track/run_directory.ts'
import { PACKAGE_ROOT } from '../../src/util/package_root.ts'
import { Command } from '../cli/command.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { request } from '../track/request.ts'
import { SMALL, smallDataset } from '../train/training_here.ts'
import { CHROMIUM, isChromiumThere, launchChromium, missingColors, seriousFaults } from './chromium.ts'
import { makeResults, PREDICTED } from './made_results.ts'

const root = join(temporaryDirectory(), 'all')
mkdirSync(root)
const [live, other] = [0, 1].map(at => {
  const { config } = request(root)
  return RunDirectory.create({
    ...request(join(root, 'runs')),
    comment: '<i>hostile</i>',
    config: { ...config, seed: at },
  })!
})
const RESULTS = 'all/results'
let training: Command | undefined
let board: RunningBoard
let browser: Browser
let page: Page
const outside: string[] = []
const faults: string[] = []

beforeAll(async () => {
  if (!isChromiumThere) return
  const data = `dataset_path=${await smallDataset(join(root, 'dataset'), 2, 1)}`
  training = new Command(['train', 'with', ...SMALL, data, 'training.num_epochs=100000'], root)
  const pages = join(root, 'pages')
  await build({ configFile: join(PACKAGE_ROOT, 'vite.config.ts'), logLevel: 'silent', build: { outDir: pages } })
  await makeResults(root)
  log(live!)
  log(other!)
  await other!.finish({ status: 'FAILED', error: new Error('the disk is full') })
  vi.stubEnv('XDG_CACHE_HOME', join(temporaryDirectory(), 'cache'))
  board = await startBoard({ folders: [root], pages })
  browser = await launchChromium('--enable-unsafe-swiftshader')
  page = await (await browser.newContext()).newPage()
  page.setDefaultTimeout(120_000)
  page.on(
    'request',
    asked => asked.url().startsWith(board.url) || /^(data|blob):/.test(asked.url()) || outside.push(asked.url()),
  )
  page.on('pageerror', error => faults.push(error.message))
})
afterAll(async () => {
  training?.child.kill('SIGKILL')
  await browser?.close()
  await board?.close()
})

function skipWithout(context: TestContext): void {
  if (!isChromiumThere) context.skip(`no Chromium at ${CHROMIUM}; SADAAN_CHROMIUM names another`)
}

function log(run: RunDirectory): void {
  const point = { step: 0, time: Date.now() }
  run.log({ name: 'train.epoch.total_loss', value: 10, ...point })
  run.log({ name: 'val.epoch.total_loss', value: 11, ...point })
}

const open = async (place: string): Promise<void> => {
  await page.goto('about:blank')
  await page.goto(`${board.url}#/${place}`)
  await page.waitForSelector('h1')
}

test('the line of a training moves and its status changes without a reload', async context => {
  skipWithout(context)
  await training!.says(/^epoch 2/m)
  await open('run/all%2Fsacred_runs%2F1')
  await page.locator('h1', { hasText: 'running' }).waitFor()
  const chart = page.getByRole('img', { name: /^Loss\. train: last \d/ })
  await chart.waitFor()
  const [label, before] = [await chart.getAttribute('aria-label'), await chart.screenshot()]
  await page.evaluate('window.isTheSame = true')
  await expect.poll(() => chart.getAttribute('aria-label'), { timeout: 120_000 }).not.toBe(label)
  expect(Buffer.compare(await chart.screenshot(), before)).not.toBe(0)
  training!.child.kill('SIGINT')
  expect(await training!.finished).toMatchObject({ code: 130 })
  await page.locator('h1', { hasText: 'interrupted' }).waitFor()
  expect(await page.evaluate('window.isTheSame')).toBe(true)
})

test('the table sorts, filters and leads to a comparison, which shows the key that differs', async context => {
  skipWithout(context)
  await open('')
  await page.locator('tbody th a').nth(1).waitFor()
  expect(await page.locator('tbody').innerText()).toContain('<i>hostile</i>')
  await page.getByRole('searchbox', { name: 'Filter' }).fill('status=FAILED seed=1')
  await page.getByText('1 of 3 runs').waitFor()
  await page.getByRole('searchbox', { name: 'Filter' }).fill('')
  await page.getByRole('checkbox', { name: 'Pick all/runs/1' }).check()
  await page.getByRole('checkbox', { name: 'Pick all/runs/2' }).check()
  await page.getByRole('link', { name: 'Compare 2 runs' }).click()
  await page.getByRole('heading', { name: 'Compare 2 runs' }).waitFor()
  const row = page.locator('tr', { has: page.getByRole('rowheader', { name: 'seed', exact: true }) })
  expect(await row.locator('td').allInnerTexts()).toEqual(['0', '1'])
  expect(await page.getByRole('rowheader', { name: 'training.learning_rate' }).count()).toBe(0)
})

test('a case opens in the viewer, in the colours of its structures', async context => {
  skipWithout(context)
  await open(`results/${encodeURIComponent(RESULTS)}`)
  // the case with the wrong presence comes first
  expect(await page.locator('tbody th').first().innerText()).toBe('subject "1"')
  await page.locator('tbody th a').first().click()
  const canvas = page.locator('canvas.shown')
  await canvas.waitFor()
  await page.getByRole('slider', { name: 'Opacity of the prediction' }).fill('1')
  const wanted = PREDICTED.map((_, s) => regionColor(s))
  await expect
    .poll(async () => missingColors(page, await canvas.screenshot(), wanted), { timeout: 120_000 })
    .toEqual([])
  await page.keyboard.press('n')
  await page.getByRole('heading', { name: 'subject "0"' }).waitFor()
})

test('no page has a serious fault of accessibility, light or dark, wide or narrow', async context => {
  skipWithout(context)
  const id = encodeURIComponent(RESULTS)
  const places = [
    '',
    'run/all%2Fruns%2F2',
    'run/all%2Fsacred_runs%2F1',
    'compare?run=all%2Fruns%2F1&run=all%2Fruns%2F2',
    'results',
    `results/${id}`,
    `case/${id}/0`,
    'run/nothing',
    'nothing',
  ]
  for (const [colorScheme, width] of [
    ['light', 1280],
    ['dark', 390],
  ] as const) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width, height: 900 })
    for (const place of places) {
      await open(place)
      await page.waitForTimeout(300)
      expect(await seriousFaults(page), `${place}, ${colorScheme}`).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth'), place).toBeLessThanOrEqual(width)
    }
  }
})

test('nothing was asked of anybody else, and no script failed', context => {
  skipWithout(context)
  expect([outside, faults]).toEqual([[], []])
})
