import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, chromium, type Page } from 'playwright-core'

/** Debian's Chromium, unless SADAAN_CHROMIUM names another. */
export const CHROMIUM = process.env.SADAAN_CHROMIUM ?? '/usr/bin/chromium'
export const isChromiumThere = existsSync(CHROMIUM)

/** Without what leads the tests to their Vulkan driver: Chromium brings its own, and other libraries than the driver's. */
export function launchChromium(...args: string[]): Promise<Browser> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(VK_|LD_|LP_|__EGL|LIBGL)/.test(name)),
  ) as Record<string, string>
  return chromium.launch({ executablePath: CHROMIUM, env, args: ['--no-sandbox', ...args], timeout: 0 })
}

/** The colours that fewer than twenty pixels of a picture have, or nearly. */
export function missingColors(page: Page, png: Buffer, colors: readonly string[]): Promise<string[]> {
  return page.evaluate(
    `(async () => {
      const picture = new Image()
      picture.src = 'data:image/png;base64,${png.toString('base64')}'
      await picture.decode()
      const { width, height } = picture
      const canvas = new OffscreenCanvas(width, height).getContext('2d')
      canvas.drawImage(picture, 0, 0)
      const { data } = canvas.getImageData(0, 0, width, height)
      return ${JSON.stringify(colors)}.filter(color => {
        const wanted = [1, 3, 5].map(at => parseInt(color.slice(at, at + 2), 16))
        let found = 0
        for (let i = 0; i < data.length; i += 4)
          if (wanted.every((value, c) => Math.abs(data[i + c] - value) < 24)) found++
        return found < 20
      })
    })()`,
  ) as Promise<string[]>
}

/** What axe-core finds serious or worse on the page. */
export async function seriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'))
  return page.evaluate(`axe.run().then(({ violations }) => violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html.slice(0, 120)).join(' | ')))`) as Promise<string[]>
}
