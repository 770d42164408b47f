import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, type CommanderError } from 'commander'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  consoleLevel,
  heedSacredOptions,
  identityOf,
  recordedOptions,
  type SacredOptions,
  withSacredOptions,
} from '../../cli/sacred_options.ts'
import { loadConfig } from '../../src/config/load.ts'
import { Console } from '../../src/track/console/console.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'

const root = temporaryDirectory()
afterEach(() => vi.restoreAllMocks())

/** The command line as `train` reads it. */
function parse(...argv: string[]): { options: SacredOptions; command: Command } {
  const command = withSacredOptions(new Command('train').argument('[with...]')).exitOverride()
  command.configureOutput({ writeErr: () => undefined }).parse(argv, { from: 'user' })
  return { options: command.opts(), command }
}

function refusalOf(...argv: string[]): string {
  try {
    parse(...argv)
  } catch (error) {
    return (error as CommanderError).message
  }
  throw new Error('accepted')
}

function heed(...argv: string[]): string[] {
  const lines: string[] = []
  const stream = { write: (text: string) => lines.push(text.trimEnd()), on: () => undefined }
  heedSacredOptions(parse(...argv).options, new Console({ stream, environment: {} }))
  return lines
}

/** What Sacred 0.8.7 writes as meta.options where nothing is given. */
const SACRED = {
  '--beat-interval': null,
  '--capture': null,
  '--comment': null,
  '--debug': false,
  '--enforce_clean': false,
  '--force': false,
  '--help': false,
  '--id': null,
  '--loglevel': null,
  '--mongo_db': null,
  '--name': null,
  '--pdb': false,
  '--print-config': false,
  '--priority': null,
  '--queue': false,
  '--s3': null,
  '--sql': null,
  '--tiny_db': null,
  '--unobserved': false,
  COMMAND: 'train',
  UPDATE: [],
  help: false,
  with: false,
}

describe('what the record says', () => {
  test("Sacred's options by its names", () => {
    expect(recordedOptions(parse().command, [])).toEqual({ ...SACRED, '--file_storage': 'sacred_runs' })
  })

  test('values as they were typed, and the words', () => {
    const { command } = parse('-c', 'hello', '-F', 'runs', '-P', '3', '-b', '5', '-f', 'with', 'fast', 'seed=3')
    const given = { '--comment': 'hello', '--file_storage': 'runs', '--priority': '3', '--beat-interval': '5' }
    const words = { UPDATE: ['fast', 'seed=3'], with: true }
    expect(recordedOptions(command, ['fast', 'seed=3'])).toEqual({ ...SACRED, ...given, '--force': true, ...words })
  })

  test('no password', () => {
    const recorded = (url: string) => recordedOptions(parse('-s', url).command, [])['--sql']
    expect(recorded('mysql://me:pa:s@s/w@host:3306/db')).toBe('mysql://me@host:3306/db')
    expect(recorded('sqlite:///a@b')).toBe('sqlite:///a@b')
    const database = recordedOptions(parse('-m', 'mongodb://me:pass@host/db?tls=true').command, [])['--mongo_db']
    expect(database).toBe('mongodb://host/db')
  })

  test('the identity of the run', () => {
    const loaded = loadConfig({ overrides: ['fast', 'loss_weights={"dice": 3}'] })
    const { options } = parse('-n', 'kidneys', '-i', '7', '-c', 'x', '-P', '2.5', '-b', '0.5', '-C', 'no')
    expect(identityOf(options, loaded, { a: 1 })).toEqual({
      experiment: 'kidneys',
      id: 7,
      comment: 'x',
      priority: 2.5,
      beatSeconds: 0.5,
      capture: false,
      options: { a: 1 },
      namedConfigs: ['fast'],
      configUpdates: { loss_weights: { dice: 3 } },
      sources: [],
    })
    const bare = { capture: true, options: {}, namedConfigs: [], configUpdates: {}, sources: [] }
    expect(identityOf(parse().options, loadConfig({ overrides: [] }), {})).toEqual(bare)
  })
})

test('names with _ may be typed with - too', () => {
  expect(parse('--file-storage', 'a', '--enforce-clean').options).toMatchObject({
    file_storage: 'a',
    enforce_clean: true,
  })
})

test.each([
  ['DEBUG', 10],
  ['info', 20],
  ['CRITICAL', 50],
  ['35', 35],
])('the level %s', (text, level) => expect(consoleLevel(parse('-l', text).options)).toEqual({ level }))

test.each([
  [['-l', '51'], 'expected DEBUG'],
  [['-l', 'loud'], 'expected DEBUG, INFO, WARNING, ERROR, CRITICAL or 0 to 50'],
  [['-i', '0'], 'expected a positive integer'],
  [['-i', '../x'], 'expected a positive integer'],
  [['-P', 'high'], 'expected a number'],
  [['-b', '0'], 'expected a positive number of seconds'],
  [['-C', 'all'], 'Allowed choices are no, sys, fd'],
])('%j is refused', (argv, expected) => expect(refusalOf(...argv)).toContain(expected))

test('an option without meaning is one line that says so', () => {
  expect(heed('-f', '-D', '-S', 's3://a', '-s', 'b', '-t', 'c')).toEqual([
    'warning: --force has no effect here: keys and types are always checked',
    'warning: --pdb has no effect here: it starts the Python debugger; --debug shows stack traces',
    ...['s3', 'sql', 'tiny_db'].map(
      name => `warning: --${name} has no effect here: runs are recorded in a folder (--file_storage)`,
    ),
  ])
  expect(heed()).toEqual([])
  expect(() => heed('-q')).toThrow('--queue: there is no queue')
})

test('--enforce_clean refuses a folder without git, and changes that are not committed', () => {
  const directory = join(root, 'repository')
  mkdirSync(directory)
  vi.spyOn(process, 'cwd').mockReturnValue(directory)
  expect(() => heed('-e')).toThrow(/repository is not in a git repository/)
  const git = (...words: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...words], { cwd: directory })
  writeFileSync(join(directory, 'cfg.json'), '{}')
  git('init', '--quiet')
  git('add', '.')
  git('commit', '--quiet', '--message=first')
  expect(heed('-e')).toEqual([])
  writeFileSync(join(directory, 'cfg.json'), '{"seed": 1}')
  expect(() => heed('-e')).toThrow(/--enforce_clean: git:\/.*repository has uncommitted changes, expected none/)
  expect(heed()).toEqual([])
})
