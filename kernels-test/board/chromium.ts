import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

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
