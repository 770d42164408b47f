import { existsSync } from 'node:fs'
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
