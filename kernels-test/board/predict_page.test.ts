// full: builds the pages and drives Chromium
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exportPredictPage } from '../../src/board/export.ts'
import type { TorchTensor } from '../../src/checkpoint/pickle/torch_tensor.ts'
import { encodeSafetensors } from '../../src/checkpoint/safetensors.ts'
import { encodeModelSafetensors, readModelFile } from '../../src/checkpoint/weights.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { readNifti } from '../../src/data/scan/nifti/read.ts'
import { writeNifti } from '../../src/data/scan/nifti/writer.ts'
import { specify } from '../../src/nn/specification.ts'
import { predict } from '../../src/predict/predict.ts'
import { regionColor } from '../../src/report/chart/palette.ts'
import { PACKAGE_ROOT } from '../../src/util/package_root.ts'
import { type ImageSize, sizeOf } from '../../src/util/shape.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { onOneDevice } from '../one_device.ts'
import { writeSmallModel } from '../predict/small_model.ts'
import { CHROMIUM, isChromiumThere, launchChromium, missingColors, seriousFaults } from './chromium.ts'

const HANGS = 120_000 // ms
const NEAR = 1e-4
const folder = temporaryDirectory()
const names = ['liver', 'left_kidney', 'right_kidney']

/** What a scan's affine makes of its axes: as in the frame, flipped and swapped, with long voxels. */
const scans = [
  scanAt(
    'plain.nii',
    [16, 16, 16],
    [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
    ],
  ),
  scanAt(
    'turned.nii.gz',
    [18, 20, 14],
    [
      [0, -1, 0, 9],
      [1, 0, 0, 3],
      [0, 0, 1, 0],
    ],
  ),
  scanAt(
    'long.nii.gz',
    [22, 12, 9],
    [
      [-1, 0, 0, 0],
      [0, 1.5, 0, 0],
      [0, 0, 2.5, 0],
    ],
  ),
]

function scanAt(name: string, size: ImageSize, affine: [number[], number[], number[]]): string {
  const [, width, depth] = size
  const values = Float32Array.from({ length: sizeOf(size) }, (_, v) => {
    const [h, w, d] = [Math.floor(v / (width * depth)), Math.floor(v / depth) % width, v % depth]
    return 30 + ((h * h * 7 + w * 11 + d * 5 + h * d) % 190)
  })
  const path = join(folder, name)
  writeNifti(path, values, { size, affine })
  return path
}

/** The same small model in both formats; most structures are above its threshold. */
function models(): string[] {
  const [pth, safe] = [join(folder, 'small.pth'), join(folder, 'small.safetensors')]
  const shape = { size: [16, 16, 16] as ImageSize, inChannels: 1 }
  writeSmallModel(pth, names, shape, { config: { model: { presence_threshold: 0.4 } } })
  writePieces(safe, encodeModelSafetensors(readModelFile(pth), { precision: 'f32', source: pth }))
  return [pth, safe]
}

/** A model whose first activations, 4 GiB, exceed every buffer. */
function hugeModel(): string {
  const path = join(folder, 'huge.safetensors')
  const entries = specify({
    structures: 1,
    size: [256, 256, 64],
    inChannels: 1,
    channels: [256, 2, 2, 2, 2],
    features: 2,
  })
  const tensors = entries.flatMap(({ name, shape, role }): [string, TorchTensor][] =>
    role === 'num_batches_tracked' ? [] : [[name, { dtype: 'f32', shape, data: new Float32Array(sizeOf(shape)) }]],
  )
  writePieces(path, encodeSafetensors({ tensors: new Map(tensors), metadata: {} }))
  return path
}

function writePieces(path: string, pieces: readonly Uint8Array[]): void {
  writeFileSync(path, Buffer.concat(pieces))
}

/** What `sadaan-gpu predict` finds in the scans. */
async function predicted(weights: string) {
  const config = defaultConfig()
  config.compute.adapter = process.env.SADAAN_ADAPTER ?? null
  const output = join(folder, 'predicted')
  const request = { config, weights, input: scans, split: 'test' as const, output, raw: false, probabilities: true }
  const { found } = await onOneDevice(() => predict({ ...request, say: () => undefined, progress: () => undefined }))
  return found.map(each => ({ ...each, folder: join(output, each.scan) }))
}

/** A web server that knows nothing of the board. */
function served(root: string, asked: string[]): Promise<Server> {
  const types: Record<string, string> = { html: 'text/html', js: 'text/javascript', css: 'text/css' }
  const server = createServer(({ url }, answer) => {
    asked.push(url!)
    const path = join(root, url === '/' ? 'index.html' : url!)
    if (!existsSync(path)) return answer.writeHead(404).end()
    answer.writeHead(200, { 'Content-Type': types[path.split('.').at(-1)!] ?? 'text/plain' }).end(readFileSync(path))
  })
  return new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(server)))
}

describe.skipIf(!isChromiumThere)(`the page that predicts${isChromiumThere ? '' : `, for want of ${CHROMIUM}`}`, () => {
  let browser: Browser
  let server: Server
  let page: Page
  const asked: string[] = [] // of the server
  const requested: string[] = [] // by the page
  const complaints: string[] = []

  beforeAll(async () => {
    const [built, exported] = [join(folder, 'built'), join(folder, 'exported')]
    const configFile = join(PACKAGE_ROOT, 'vite.config.ts')
    await build({ configFile, root: join(PACKAGE_ROOT, 'src/board/page'), build: { outDir: built }, logLevel: 'error' })
    mkdirSync(exported)
    exportPredictPage(exported, built)
    server = await served(exported, asked)
    const resolving = '--host-resolver-rules=MAP scanner.example 127.0.0.1'
    browser = await launchChromium('--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', resolving)
    page = await browser.newPage()
    page.setDefaultTimeout(HANGS)
    page.on('request', request => requested.push(request.url()))
    page.on('pageerror', error => complaints.push(error.message))
    await page.goto(origin())
    await page.getByText('Segment a scan').waitFor()
    // the thread's script is fetched by the page
    await page.waitForLoadState('networkidle')
    await page.context().setOffline(true)
  })

  afterAll(async () => {
    await browser?.close()
    server?.close()
  })

  const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`

  /** As a user does: only a click makes the page forget the file before, so that the same one counts again. */
  async function pick(section: 'Model' | 'Scan', path: string): Promise<void> {
    const input = page.locator(`section[aria-label=${section}] input[type=file]`)
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), input.click()])
    await chooser.setFiles(path)
  }

  /** Picks a model and waits until it can predict. */
  async function open(model: string): Promise<void> {
    await pick('Model', model)
    await page.locator(`[data-model="${basename(model)}"]`).waitFor()
  }

  /** Picks a scan; the rows of the table that it gets. */
  async function segmented(scan: string) {
    await pick('Scan', scan)
    await page.locator('h2', { hasText: basename(scan).split('.')[0]! }).waitFor()
    const rows = await page.locator('tr[data-structure]').all()
    return Promise.all(
      rows.map(async row => ({
        structure: await row.getAttribute('data-structure'),
        probability: Number(await row.getAttribute('data-probability')),
        hasMask: (await row.locator('[data-file]').count()) > 0,
      })),
    )
  }

  async function downloaded(name: string) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator(`[data-file="${name}"]`).click()])
    expect(download.suggestedFilename()).toBe(name)
    return readNifti(await download.path())
  }

  test('finds what predict finds, offline, and sends nothing', async () => {
    const [pth, safe] = models()
    const expected = await predicted(pth!)
    let voxelsInAll = 0
    for (const [model, some] of [
      [pth!, expected],
      [safe!, expected.slice(1, 2)],
    ] as const) {
      await open(model)
      for (const { scan, structures, folder: results } of some) {
        const rows = await segmented(scans.find(path => path.includes(scan))!)
        expect(rows.map(({ structure }) => structure)).toEqual(names)
        for (const { structure, probability, hasMask } of rows) {
          expect(probability).toBeCloseTo(structures[structure!]!.presence_probability, 4)
          if (!hasMask) continue
          const file = `${structure}.nii.gz`
          const mask = await downloaded(`${scan}_${file}`)
          voxelsInAll += mask.values.filter(value => value !== 0).length
          const own = readNifti(join(results, 'masks', file))
          const probabilities = readNifti(join(results, 'probabilities', file)).values
          expect({ size: mask.size, affine: mask.affine }).toEqual({ size: own.size, affine: own.affine })
          const differing = [...mask.values.keys()].filter(v => mask.values[v] !== own.values[v])
          expect(differing.filter(v => Math.abs(probabilities[v]! - 0.5) > NEAR)).toEqual([])
        }
        const labels = await downloaded(`${scan}_labels.nii.gz`)
        const own = readNifti(join(results, 'labels.nii.gz'))
        const agreeing = [...labels.values.keys()].filter(v => labels.values[v] === own.values[v]).length
        expect(agreeing / own.values.length).toBeGreaterThan(0.999)
      }
    }
    expect(voxelsInAll).toBeGreaterThan(100)
    expect(asked.every(url => url === '/' || url.startsWith('/assets/'))).toBe(true)
    expect(requested.filter(url => !url.startsWith(origin()) && !/^(blob|data):/.test(url))).toEqual([])
    expect(complaints).toEqual([])
  })

  test('shows the scan and its masks in the viewer, though the network is gone', async () => {
    await page.locator('canvas.shown').waitFor()
    await page.getByRole('slider', { name: 'Opacity of the prediction' }).fill('1')
    const colors = names.map((_, s) => regionColor(s))
    const missing = async () => missingColors(page, await page.locator('canvas.shown').screenshot(), colors)
    await expect.poll(missing, { timeout: HANGS }).not.toEqual(colors)
    const gone = await missing()
    const shown = colors.findIndex(color => !gone.includes(color))
    await page.getByRole('checkbox', { name: `Show ${names[shown]}` }).uncheck()
    await expect.poll(missing, { timeout: HANGS }).toContain(colors[shown])
  })

  test('has no serious fault of accessibility, empty or with a result, light or dark, wide or narrow', async () => {
    const empty = await (await page.context().browser()!.newContext()).newPage()
    await empty.goto(page.url())
    for (const each of [page, empty])
      for (const [colorScheme, width] of [
        ['light', 1280],
        ['dark', 390],
      ] as const) {
        await each.emulateMedia({ colorScheme })
        await each.setViewportSize({ width, height: 900 })
        expect(await seriousFaults(each), colorScheme).toEqual([])
        expect(await each.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
      }
    await empty.context().close()
  })

  test('says which model the adapter cannot hold, and what would do', async () => {
    await pick('Model', hugeModel())
    await page.getByText('huge.safetensors: ').waitFor()
    expect(await page.locator('[role=alert]').textContent()).toMatch(
      /^huge\.safetensors: .* cannot hold even one sample \(.*\); a GPU with larger buffers or a model of a smaller grid would do$/,
    )
    expect(await page.locator('[data-plan]').textContent()).toMatch(/^Needs [\d.]+ GB/)
  })

  test('refuses what is no model, and cancels', async () => {
    writeFileSync(join(folder, 'none.pth'), 'PK no zip')
    await pick('Model', join(folder, 'none.pth'))
    await page.getByText('none.pth: no zip directory at the end').waitFor()
    await pick('Model', join(folder, 'small.pth'))
    await page.getByText('Cancel', { exact: true }).click()
    await page.getByText('Cancelled.').waitFor()
  })

  test('explains a lost device, goes on with a new one, and a damaged scan ends nothing', async () => {
    await open(join(folder, 'small.pth'))
    const devtools = await browser.newBrowserCDPSession()
    // no answer comes from a process that crashes
    devtools.send('Browser.crashGpuProcess').catch(() => undefined)
    await page.getByText('The browser lost the GPU').waitFor()
    expect(await page.locator('section[aria-label=Scan]').count()).toBe(0)
    await open(join(folder, 'small.pth'))
    writeFileSync(join(folder, 'none.nii.gz'), Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]))
    await pick('Scan', join(folder, 'none.nii.gz'))
    await page.getByText('none.nii.gz: gzip stream is damaged or truncated').waitFor()
    expect((await segmented(scans[0]!)).length).toBe(names.length)
  })

  test('says how to open it where browsers offer no GPU', async () => {
    const other = await browser.newPage()
    await other.goto(origin().replace('127.0.0.1', 'scanner.example'))
    await other.getByText(/over https, or forward its port \(ssh -L 6060:localhost:\d+ scanner\.example\)/).waitFor()
  })
})
