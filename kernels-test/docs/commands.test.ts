import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PACKAGE_ROOT } from '../../src/util/package_root.ts'
import { Shell } from '../cli/shell.ts'
import { fencedBlocks } from './blocks.ts'
import { preambleOf } from './preambles.ts'
import { writeUntrainedModel } from './untrained_model.ts'

/*
 * Every command that a page tells the reader to type: the blocks of a page one after another, in one folder that is empty
 * but for what the page's preamble puts there. All commands share a process, so that an adapter compiles a kernel once.
 */

const HEAD = join(PACKAGE_ROOT, 'kernels-test/fixtures/head')

const folder = mkdtempSync(join(tmpdir(), 'sadaan-docs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const shell = Shell.resident(join(folder, 'bin'))
const bash = (script: string, cwd: string) => shell.run(script, cwd, { environment: { HEAD } })

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(PACKAGE_ROOT, 'docs'))
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
]

test('the command table of the README is that of --help', async () => {
  const { output } = await bash('sadaan-gpu --help', folder)
  const offered = [...output.matchAll(/^ {2}([a-z_-]+) {2}/gm)].map(([, name]) => name!).filter(name => name !== 'help')
  const table = readFileSync(join(PACKAGE_ROOT, 'README.md'), 'utf8').match(/## Commands\n[\s\S]*?\n\n## /)![0]
  const listed = [...table.matchAll(/^\| `([a-z_-]+)/gm)].map(([, name]) => name!)
  expect(listed.sort()).toEqual(offered.sort())
})

/** Pages whose reader has trained a model. */
const NEEDS_MODEL = ['docs/inference.md', 'docs/models.md']

const skipped: string[] = []
let run = 0

for (const page of pages) {
  const blocks = fencedBlocks(join(PACKAGE_ROOT, page), 'sh')
  if (blocks.length === 0) continue
  describe(page, () => {
    const at = join(folder, page.replaceAll('/', '-'))
    mkdirSync(at)
    writeFileSync(join(at, 'cfg.json'), configurationOf(page))
    beforeAll(async () => {
      const { code, output } = await bash(preambleOf(page), at)
      expect(code, output).toBe(0)
      if (NEEDS_MODEL.includes(page)) writeUntrainedModel(join(at, 'best_model.pth'), join(at, 'data/synthetic'))
    })
    let isBroken = false // what follows a failed block lacks what that should have made
    for (const { line, script, notRun } of blocks) {
      const name = `${page}:${line} ${script.split('\n')[0]}`
      if (notRun !== undefined) skipped.push(`${name} (${notRun})`)
      test.skipIf(notRun !== undefined)(name, async context => {
        if (isBroken) context.skip('an earlier block of the page failed')
        isBroken = true
        const { code, output } = await bash(script, at)
        expect(code, `exit code ${code} of\n${script}\n${output}`).toBe(0)
        isBroken = false
        run++
      })
    }
  })
}

afterAll(() => {
  console.log(`commands in the documentation: ${run} blocks run, ${skipped.length} not run`)
  for (const line of skipped) console.log(`  not run: ${line}`)
})

test('links between pages lead somewhere', () => {
  const dead = pages.flatMap(page => {
    const text = readFileSync(join(PACKAGE_ROOT, page), 'utf8')
    const targets = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(([, target]) => target!)
    return targets
      .filter(target => !existsSync(join(PACKAGE_ROOT, page, '..', target)))
      .map(target => `${page}: ${target}`)
  })
  expect(dead).toEqual([])
})

/** The configuration that the page shows, else the one of the page on training. */
function configurationOf(page: string): string {
  const jsonOf = (path: string): string[] => fencedBlocks(join(PACKAGE_ROOT, path), 'json').map(({ script }) => script)
  return [...jsonOf(page), ...jsonOf('docs/training.md')].find(json => json.includes('"dataset_path"'))!
}
