import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  chosenDrivers,
  installSoftwareAdapter,
  SoftwareAdapterError,
  softwareAdapterDirectory,
  softwareAdapterInstalled,
  softwareAdapterSupported,
} from '../../src/gpu/software.ts'

const installedBefore = softwareAdapterInstalled()
const installer = fileURLToPath(new URL('./install.ts', import.meta.url))
let cache: string

beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'sadaan-gpu-cache-'))
  vi.stubEnv('XDG_CACHE_HOME', cache)
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(cache, { recursive: true })
})

test("lies in the user's cache; a relative XDG_CACHE_HOME is ignored", () => {
  expect(softwareAdapterDirectory()).toBe(join(cache, 'sadaan-gpu', 'swiftshader-147.0.0'))
  vi.stubEnv('XDG_CACHE_HOME', 'relative')
  vi.stubEnv('HOME', '/home/someone')
  expect(softwareAdapterDirectory()).toBe('/home/someone/.cache/sadaan-gpu/swiftshader-147.0.0')
})

test('drivers that the user named are told from our own', () => {
  vi.stubEnv('VK_ICD_FILENAMES', '')
  vi.stubEnv('VK_DRIVER_FILES', '/etc/theirs.json')
  expect(chosenDrivers()).toBe('/etc/theirs.json')
  vi.stubEnv('VK_DRIVER_FILES', join(softwareAdapterDirectory(), 'vk_swiftshader_icd.json'))
  expect(chosenDrivers()).toBeUndefined()
})

/** An npm whose `pack` delivers other bytes than were pinned, or fails as npm does. */
function stubNpm(script: string): void {
  const file = join(cache, 'npm-cli.js')
  writeFileSync(file, script)
  vi.stubEnv('npm_execpath', file)
}

const install = () =>
  installSoftwareAdapter(() => {}).then(
    () => undefined,
    (error: Error) => error,
  )

test.skipIf(!softwareAdapterSupported)('refuses a package that is not the pinned one, and leaves nothing', async () => {
  stubNpm(`
    const folder = process.argv[process.argv.indexOf('--pack-destination') + 1]
    require('node:fs').writeFileSync(folder + '/other.tgz', 'other bytes')`)
  const refusal = await install()
  expect(refusal).toBeInstanceOf(SoftwareAdapterError)
  expect(refusal!.message).toMatch(
    /^software adapter not installed: @sparticuz\/chromium@147.0.0: expected sha512-.* found/,
  )
  expect(softwareAdapterInstalled()).toBe(false)
  expect(readdirSync(cache)).toEqual(['npm-cli.js'])
})

test.skipIf(!softwareAdapterSupported)('says what npm said in one line when it fails', async () => {
  stubNpm(`console.error('npm error code ENOTFOUND\\nnpm error network down\\nA log is there'); process.exit(1)`)
  const refusal = await install()
  expect(refusal!.message).toMatch(/: npm pack \S+: npm error code ENOTFOUND; npm error network down$/)
})

test.skipIf(!softwareAdapterSupported)('says so when there is no npm', async () => {
  vi.stubEnv('npm_execpath', '')
  vi.stubEnv('PATH', cache)
  expect((await install())?.message).toBe('software adapter not installed: npm is not in PATH')
})

// Needs the package: where the tests themselves run on it npm has it in its cache, in CI there is a network.
test.skipIf(!softwareAdapterSupported || !(process.env.CI || installedBefore))(
  'two processes install the real one at once, and both run on it',
  async () => {
    const env = { ...process.env, VK_DRIVER_FILES: '', VK_ICD_FILENAMES: '' }
    const run = () => promisify(execFile)(process.execPath, ['--import', 'tsx', installer], { env })
    for (const { stdout } of await Promise.all([run(), run()])) {
      expect(stdout).toMatch(/^Fetching the software adapter SwiftShader/)
      expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^SwiftShader driver \S+ computed 127$/)
    }
    expect(readdirSync(join(cache, 'sadaan-gpu'))).toEqual(['swiftshader-147.0.0'])
    expect((await run()).stdout).not.toContain('Fetching')
  },
)
