import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { Artist } from '../../../src/report/drawing/artist.ts'
import type { Drawing, Subject } from '../../../src/report/drawing/drawing.ts'
import { draw } from '../../../src/report/drawing/drawing.ts'
import { PNG_SIGNATURE, pngSize } from '../read_svg.ts'

const curves: Subject = {
  curves: {
    title: 'run 1',
    metrics: new Map([['train.epoch.total_loss', { epochs: [0, 1], values: [2, 1] }]]),
    terms: [],
    structures: [],
    planned: 2,
    monitor: 'total_loss',
  },
}

test('the thread draws the same as this one; it rejects what it cannot draw, and goes on', async () => {
  const artist = new Artist()
  const [broken, drawing] = await Promise.allSettled([
    artist.draw({ curves: { planned: 1 } } as unknown as Subject),
    artist.draw(curves),
  ])
  expect(broken).toMatchObject({ status: 'rejected', reason: expect.any(Error) })
  const { svg, png } = (drawing as PromiseFulfilledResult<Drawing>).value
  const here = await draw(curves)
  expect(svg).toBe(here.svg)
  expect(Buffer.from(png!).equals(Buffer.from(here.png!))).toBe(true)
  expect(pngSize(png!)).toEqual({ signature: PNG_SIGNATURE, width: 1200, height: expect.any(Number) })
  // text is drawn, in the bundled font: without its title the picture differs
  const silent = await draw({ curves: { ...(curves as { curves: object }).curves, title: '' } } as Subject)
  expect(Buffer.from(png!).equals(Buffer.from(silent.png!))).toBe(false)
})

test('without a native build of resvg there is an SVG, and the reason', () => {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  const script = fileURLToPath(new URL('children/without_resvg.ts', import.meta.url))
  const said = execFileSync(process.execPath, ['--import', tsx, script], { encoding: 'utf8' })
  expect(JSON.parse(said)).toEqual({ svg: '<svg xmlns', png: false, reason: 'no native part for this platform' })
})
