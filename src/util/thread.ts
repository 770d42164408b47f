import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { parentPort, type Transferable, Worker } from 'node:worker_threads'
import { messageOf } from './error.ts'

/** A message to a thread, and its answer. */
export interface Call<Request> {
  id: number
  request: Request
}
export type Answer<Result> = { id: number; result: Result } | { id: number; error: { name: string; message: string } }

/** Starts `<name>.worker` in a thread, from sources or from the built package. The file lies in the folder of the module `beside` (its import.meta.url). */
export function startThread(beside: string, name: string): Worker {
  const isSource = beside.endsWith('.ts')
  const file = new URL(`./${name}.worker.${isSource ? 'ts' : 'js'}`, beside)
  if (!isSource) return new Worker(file, { execArgv: [] })
  // From a checkout, which has tsx: Node 20 applies no `--import` loader to a thread's entry file, so the thread calls tsx itself. Hooks of
  // `require` start nine times as fast as hooks of `import`, which need another thread.
  const tsx = createRequire(beside).resolve('tsx/cjs/api')
  const start = `require(${JSON.stringify(tsx)}).register(); require(${JSON.stringify(fileURLToPath(file))})`
  return new Worker(start, { eval: true, execArgv: [] })
}

/**
 * In a worker file: answers each request with the result of `handle`, or with the error that it throws. Objects in `transferOf` the result
 * are transferred, not copied.
 */
export function serve<Request, Result>(
  handle: (request: Request) => Result | Promise<Result>,
  transferOf: (result: Result) => readonly Transferable[] = () => [],
): void {
  const port = parentPort!
  port.on('message', async ({ id, request }: Call<Request>) => {
    try {
      const result = await handle(request)
      port.postMessage({ id, result } satisfies Answer<Result>, transferOf(result))
    } catch (error) {
      const name = error instanceof Error ? error.name : 'Error'
      port.postMessage({ id, error: { name, message: messageOf(error) } } satisfies Answer<Result>)
    }
  })
}
