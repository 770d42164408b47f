import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

/** Starts the file `<name>.worker` beside the module `beside` (its import.meta.url) in a thread of its own, from the sources as from the built package. */
export function startThread(beside: string, name: string): Worker {
  const isSource = beside.endsWith('.ts')
  const file = new URL(`./${name}.worker.${isSource ? 'ts' : 'js'}`, beside)
  if (!isSource) return new Worker(file, { execArgv: [] })
  // From a checkout, which has tsx: Node 20 applies no `--import` loader to a thread's own file, so tsx is called from inside. Its hooks of
  // `require` start nine times as fast as those of `import`, which need a thread of their own.
  const tsx = createRequire(beside).resolve('tsx/cjs/api')
  const start = `require(${JSON.stringify(tsx)}).register(); require(${JSON.stringify(fileURLToPath(file))})`
  return new Worker(start, { eval: true, execArgv: [] })
}
