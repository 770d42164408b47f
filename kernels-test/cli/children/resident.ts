import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Device } from '../../../src/gpu/device.ts'
import { onOneDevice } from '../../one_device.ts'
import { BUILT, PROGRAM } from '../program.ts'

/*
 * The program in a process that stays: whoever connects to the socket that argv names sends the words of a command, its folder and its
 * environment, and gets its streams and exit code. Commands run one after another, on one device.
 */

interface Request {
  words: string[]
  cwd: string
  env: NodeJS.ProcessEnv
}

const own = { argv: process.argv.slice(0, 1), env: { ...process.env }, cwd: process.cwd() }
/** A command has `process.exit` replaced while it runs. */
const exitNow = process.exit.bind(process)
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGUSR1'] as const
const built = (await import(pathToFileURL(join(BUILT, 'src/gpu/device.js')).href)) as { Device: typeof Device }

let commands = 0
let last: Promise<void> = Promise.resolve()

/** Runs the program's main file anew, in the state that a fresh process would give it. */
async function run({ words, cwd, env }: Request, tell: (said: object) => void): Promise<void> {
  process.chdir(cwd)
  replaceEnvironment(env)
  process.argv = [...own.argv, PROGRAM, ...words]
  process.exitCode = undefined
  const { exit } = process
  const writes = [process.stdout.write, process.stderr.write] as const
  process.stdout.write = writer(text => tell({ stdout: text }))
  process.stderr.write = writer(text => tell({ stderr: text }))
  const ended = new Promise<number>(resolve => {
    process.exit = ((code?: number) => resolve(code ?? Number(process.exitCode ?? 0))) as typeof process.exit
  })
  await onOneDevice(() => import(`${pathToFileURL(PROGRAM).href}?${++commands}`), built.Device)
  tell({ code: await ended })
  for (const signal of SIGNALS) process.removeAllListeners(signal)
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error')
  Object.assign(process.stdout, { write: writes[0] })
  Object.assign(process.stderr, { write: writes[1] })
  process.exit = exit
  replaceEnvironment(own.env)
  process.chdir(own.cwd)
}

/** Key by key, since native code reads the process's own. */
function replaceEnvironment(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name]
  Object.assign(process.env, env)
}

function writer(say: (text: string) => void): typeof process.stdout.write {
  return (chunk: string | Uint8Array, ...more: unknown[]) => {
    say(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString())
    for (const done of more) if (typeof done === 'function') done()
    return true
  }
}

function serve(socket: Socket): void {
  let text = ''
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part
    if (!text.endsWith('\n')) return
    const tell = (said: object) => socket.write(`${JSON.stringify(said)}\n`)
    last = last.then(() => run(JSON.parse(text) as Request, tell)).then(() => void socket.end())
  })
  // the test that waited for the command has ended, so the command may hang
  socket.on('error', () => exitNow(1))
}

process.on('disconnect', () => exitNow())
createServer(serve).listen(process.argv[2], () => process.send!('ready'))
