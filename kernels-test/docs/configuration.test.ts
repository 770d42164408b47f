import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { leavesOf } from '../../src/config/load.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { PACKAGE_ROOT } from '../../src/util/package_root.ts'
import { configurationPage, configurationSchema, formatted } from './configuration.ts'

// After a change of the schema: npx vitest run kernels-test/docs/configuration.test.ts --update

test('docs/configuration.md says what the schema says', async () => {
  await expect(configurationPage()).toMatchFileSnapshot(join(PACKAGE_ROOT, 'docs/configuration.md'))
})

test('docs/config.schema.json is the schema', async () => {
  await expect(`${formatted(configurationSchema())}\n`).toMatchFileSnapshot(
    join(PACKAGE_ROOT, 'docs/config.schema.json'),
  )
})

test('every key is read by some source', () => {
  const code = sources()
  const isRead = (key: string): boolean => {
    const name = key.slice(key.lastIndexOf('.') + 1)
    return new RegExp(`[.{,]\\s*${name}\\b`).test(code)
  }
  const unread = leavesOf(defaultConfig())
    .map(([key]) => key)
    .filter(key => !isRead(key))
  expect(unread).toEqual([])
})

/** Everything that may read the configuration; what only names its keys is left out. */
function sources(): string {
  const folders = ['src', 'cli', 'bench'].map(folder => join(PACKAGE_ROOT, folder)).filter(folder => existsSync(folder))
  return folders
    .flatMap(folder => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(name => join(folder, name)))
    .filter(path => path.endsWith('.ts') && !/config.(schema|named)\.ts$/.test(path))
    .map(path => readFileSync(path, 'utf8'))
    .join('\n')
}
