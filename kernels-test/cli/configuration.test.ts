import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { afterEach, expect, test, vi } from 'vitest'
import { makePrintConfigCommand } from '../../cli/configuration/print_config.ts'
import { makePrintDependenciesCommand } from '../../cli/configuration/print_dependencies.ts'
import { makePrintNamedConfigsCommand } from '../../cli/configuration/print_named_configs.ts'
import { makeSaveConfigCommand } from '../../cli/configuration/save_config.ts'
import { loadConfig, toJson } from '../../src/config/load.ts'
import { NAMED_CONFIGS } from '../../src/config/named.ts'
import { InputError } from '../../src/util/error.ts'
import { temporaryDirectory, writeDataset } from '../data/small_dataset.ts'
import { run } from './command.ts'

const root = temporaryDirectory()
afterEach(() => vi.restoreAllMocks())

/** What a command prints, run in this process. */
async function printed(command: Command, ...argv: string[]): Promise<string> {
  let text = ''
  vi.spyOn(process.stdout, 'write').mockImplementation(part => {
    text += part
    return true
  })
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  await command.parseAsync(argv, { from: 'user' })
  vi.restoreAllMocks()
  return text
}

test('print_config marks what was changed; --json is what --config reads', async () => {
  const text = await printed(makePrintConfigCommand(), 'with', 'fast', 'seed=3')
  expect(text).toMatch(/^ {2}seed = 3 +# modified, from the command line$/m)
  const json = await printed(makePrintConfigCommand(), '--json', 'with', 'fast', 'seed=3')
  expect(JSON.parse(json)).toEqual(loadConfig({ overrides: ['fast', 'seed=3'] }).config)
  await expect(printed(makePrintConfigCommand(), 'with', 'sead=3')).rejects.toThrow('did you mean "seed"?')
})

test('save_config writes a whole configuration, by --output or by the word that Sacred has for it', async () => {
  const [one, other] = [join(root, 'one.json'), join(root, 'other.json')]
  expect(await printed(makeSaveConfigCommand(), '-o', one, 'with', 'accurate', 'seed=3')).toBe('')
  const { config, changed } = loadConfig({ file: one, overrides: [] })
  expect(config).toEqual(loadConfig({ overrides: ['accurate', 'seed=3'] }).config)
  const again = await printed(makeSaveConfigCommand(), '--json', '--config', one, 'with', `config_filename=${other}`)
  expect(JSON.parse(again)).toEqual({ path: other })
  expect(readFileSync(other, 'utf8')).toBe(`${toJson(config)}\n`)
  expect(changed).toContain('checkpoint.monitor')
  const nowhere = join(root, 'nowhere', 'x.json')
  await expect(printed(makeSaveConfigCommand(), '-o', nowhere)).rejects.toThrow(
    new InputError(`${nowhere}: ${join(root, 'nowhere')} is no folder, expected one to write a file in`),
  )
})

test('print_named_configs', async () => {
  expect(await printed(makePrintNamedConfigsCommand())).toMatch(/^ {2}low_memory # For a small GPU/m)
  expect(JSON.parse(await printed(makePrintNamedConfigsCommand(), '--json'))).toEqual(NAMED_CONFIGS)
})

test('print_dependencies', async () => {
  expect(await printed(makePrintDependenciesCommand())).toMatch(/^Dependencies:\n[\s\S]*^ {2}node +== \d+\./m)
  const { dependencies } = JSON.parse(await printed(makePrintDependenciesCommand(), '--json'))
  expect(dependencies).toContain(`node==${process.versions.node}`)
})

test('help COMMAND is COMMAND --help', async () => {
  const [help, same] = await Promise.all([run(['help', 'train'], root), run(['train', '--help'], root)])
  expect(help).toEqual(same)
  expect(help.code).toBe(0)
  expect(help.stdout).toMatch(/^Sacred's options:$/m)
})

test("train with Sacred's options: what it says and what the record keeps", async () => {
  const small = { structures: 2, imageSize: [32, 16, 16] as [number, number, number] }
  await writeDataset(root, { samples: 2, ...small }, { samples: 1, ...small })
  vi.stubEnv('CUDA_VISIBLE_DEVICES', '0,1')
  const words = ['with', 'debug', `dataset_path=${root}`, 'model.channels=[2,4,4,6,8]', 'training.num_epochs=1']
  const options = ['-n', 'kidneys', '-i', '7', '-c', 'a word', '-P', '3', '-C', 'no', '-p', '-f', '-d', '-l', 'DEBUG']
  const { code, stderr } = await run(['train', ...options, ...words], root)
  vi.unstubAllEnvs()
  expect(code, stderr).toBe(0)
  expect(stderr).toMatch(/^Configuration \(modified[\s\S]*^ {4}num_workers = 0 +# modified, from debug$[\s\S]*^-{79}$/m)
  expect(stderr).toMatch(/^warning: --force has no effect here: /m)
  expect(stderr).toMatch(
    /^adapter .*\n +CUDA_VISIBLE_DEVICES=0,1 is ignored; choose the adapter with compute\.adapter$/m,
  )
  expect(stderr).toMatch(/^epoch 1\/1 {2}batch 1\/1 {2}loss /m)
  const text = (name: string) => readFileSync(join(root, 'sacred_runs', '7', name), 'utf8')
  expect(text('cout.txt')).toBe('')
  const { experiment, meta } = JSON.parse(text('run.json'))
  expect(experiment.name).toBe('kidneys')
  expect(meta).toMatchObject({
    command: 'train',
    comment: 'a word',
    priority: 3,
    named_configs: ['debug'],
    config_updates: { dataset_path: root, model: { channels: [2, 4, 4, 6, 8] }, training: { num_epochs: 1 } },
    options: { '--name': 'kidneys', '--id': '7', '--resume': null, '--config': null, UPDATE: words.slice(1) },
  })
})
