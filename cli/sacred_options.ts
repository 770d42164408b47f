import { type Command, InvalidArgumentError, Option } from 'commander'
import type { JsonObject } from '../src/config/json.ts'
import type { LoadedConfig } from '../src/config/load.ts'
import { type Console, LOG_LEVELS } from '../src/track/console/console.ts'
import { parseMongoAddress } from '../src/track/mongo/address.ts'
import { describeRepository } from '../src/track/repository.ts'
import type { RunIdentity } from '../src/train/request.ts'
import { InputError } from '../src/util/error.ts'
import { numberOption } from './options.ts'

/** The values of Sacred's options under commander's names. Text is kept as typed, for the record. */
export interface SacredOptions {
  file_storage: string
  mongo_db?: string
  unobserved?: boolean
  comment?: string
  name?: string
  id?: string
  priority?: string
  beatInterval?: string
  capture?: string
  loglevel?: string
  printConfig?: boolean
  debug?: boolean
  enforce_clean?: boolean
  queue?: boolean
}

/** Sacred's options that have no effect here → why. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  force: 'keys and types are always checked',
  pdb: 'it starts the Python debugger; --debug shows stack traces',
  s3: 'runs are recorded in a folder (--file_storage)',
  sql: 'runs are recorded in a folder (--file_storage)',
  tiny_db: 'runs are recorded in a folder (--file_storage)',
}

/** Another spelling of an option, with - instead of Sacred's _. */
class Alias extends Option {
  private readonly of: Option
  constructor(of: Option) {
    super(of.flags.replace(/^-\w, /, '').replaceAll('_', '-'))
    this.of = of
    this.hideHelp()
  }
  override attributeName(): string {
    return this.of.attributeName()
  }
}

/** Adds the options that Sacred gives every experiment, under Sacred's names, in a separate help group. */
export function withSacredOptions(command: Command): Command {
  const without = (flags: string) => {
    const name = /--(\w+)/.exec(flags)![1]!
    return new Option(flags, `no effect here: ${WITHOUT_EFFECT[name]}`)
  }
  const options = [
    new Option('-F, --file_storage <dir>', 'folder of the run records').default('sacred_runs'),
    new Option('-m, --mongo_db <address>', 'also keep the run in MongoDB: [host:port:]database or a mongodb:// URL')
      .argParser(checked(parseMongoAddress))
      .conflicts('unobserved'),
    new Option('-u, --unobserved', 'keep no run record'),
    new Option('-c, --comment <text>', 'comment for the run record'),
    new Option('-n, --name <text>', 'name of the experiment in the record (default: sadaan_hdf5)'),
    new Option('-i, --id <number>', 'number of the run; an existing number is refused').argParser(checked(runId)),
    new Option('-P, --priority <number>', 'priority, kept in the record').argParser(checked(numberOption)),
    new Option('-b, --beat-interval <s>', 'seconds between heartbeats of the record (default: 10)').argParser(
      checked(seconds),
    ),
    new Option('-C, --capture <mode>', 'no leaves the console output out of the record').choices(['no', 'sys', 'fd']),
    new Option(
      '-l, --loglevel <level>',
      `console verbosity: ${Object.keys(LOG_LEVELS).join(', ')}, or 0 to 50`,
    ).argParser(checked(logLevel)),
    new Option('-p, --print-config', 'print the configuration first'),
    new Option('-e, --enforce_clean', 'refuse to start if git has uncommitted changes'),
    new Option('-d, --debug', 'show full stack traces'),
    new Option('-q, --queue', 'refused: there is no queue'),
    without('-f, --force'),
    without('-D, --pdb'),
    without('-S, --s3 <bucket>'),
    without('-s, --sql <url>'),
    without('-t, --tiny_db <dir>'),
  ]
  for (const option of options) {
    command.addOption(option.helpGroup("Sacred's options:"))
    if (option.long!.includes('_')) command.addOption(new Alias(option))
  }
  return command
}

/** Keeps the text as typed, once `read` accepts it. */
function checked(read: (text: string) => unknown): (text: string) => string {
  return text => {
    read(text)
    return text
  }
}

function runId(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('expected a positive integer')
  return Number(text)
}

function seconds(text: string): number {
  const value = numberOption(text)
  // Node's timers accept at most 2^31 ms
  if (value <= 0 || value > 2e6) throw new InvalidArgumentError('expected a positive number of seconds')
  return value
}

function logLevel(text: string): number {
  const name = text.toUpperCase() as keyof typeof LOG_LEVELS
  if (Object.hasOwn(LOG_LEVELS, name)) return LOG_LEVELS[name]
  if (!/^\d{1,2}$/.test(text) || Number(text) > 50)
    throw new InvalidArgumentError(`expected ${Object.keys(LOG_LEVELS).join(', ')} or 0 to 50`)
  return Number(text)
}

/** The level from which the console shows messages. */
export function consoleLevel({ loglevel }: SacredOptions): { level?: number } {
  return loglevel === undefined ? {} : { level: logLevel(loglevel) }
}

/** Warns of options without effect. Throws InputError for those that forbid the run. */
export function heedSacredOptions(options: SacredOptions, console: Console): void {
  for (const [name, why] of Object.entries(WITHOUT_EFFECT))
    if ((options as unknown as Record<string, unknown>)[name]) console.warn(`--${name} has no effect here: ${why}`)
  if (options.queue) throw new InputError('--queue: there is no queue for runs, leave it out to train now')
  if (options.enforce_clean) enforceClean(process.cwd())
}

function enforceClean(directory: string): void {
  const repository = describeRepository(directory)
  if (!repository)
    throw new InputError(
      `--enforce_clean: ${directory} is not in a git repository, expected one without uncommitted changes`,
    )
  if (repository.dirty)
    throw new InputError(
      `--enforce_clean: ${repository.url} has uncommitted changes, expected none (git status shows them)`,
    )
}

/** The identity in the record of a run started from the command line. */
export function identityOf(options: SacredOptions, loaded: LoadedConfig, recorded: JsonObject): RunIdentity {
  const { name, id, comment, priority, beatInterval, capture } = options
  return {
    ...(name === undefined ? {} : { experiment: name }),
    ...(id === undefined ? {} : { id: runId(id) }),
    ...(comment === undefined ? {} : { comment }),
    ...(priority === undefined ? {} : { priority: numberOption(priority) }),
    ...(beatInterval === undefined ? {} : { beatSeconds: seconds(beatInterval) }),
    capture: capture !== 'no',
    options: recorded,
    namedConfigs: loaded.namedConfigs,
    configUpdates: loaded.words,
    sources: loaded.files,
  }
}

/**
 * Every option of a command by its long name, and the words after them, as Sacred records them: null or false if not given. Passwords
 * in database addresses are left out.
 */
export function recordedOptions(command: Command, words: readonly string[]): JsonObject {
  const given = Object.entries(command.opts() as JsonObject)
  const values = Object.fromEntries(
    given.map(([name, value]) => [name, typeof value === 'string' ? withoutSecrets(name, value) : value]),
  )
  const options = command.options.filter(option => !(option instanceof Alias))
  return {
    ...Object.fromEntries(
      options.map(option => [option.long!, values[option.attributeName()] ?? (option.isBoolean() ? false : null)]),
    ),
    '--help': false,
    COMMAND: command.name(),
    UPDATE: [...words],
    help: false,
    with: words.length > 0,
  }
}

function withoutSecrets(name: string, text: string): string {
  if (name === 'mongo_db') return parseMongoAddress(text).shown
  return text.replace(/(:\/\/[^:@/]*):.*@/, '$1@')
}
