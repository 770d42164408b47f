import { Worker } from 'node:worker_threads'

/**
 * Starts the file `<name>.worker` beside the module `beside` (its import.meta.url) in a thread of its own, from the sources as from the
 * built package.
 */
export function startThread(beside: string, name: string, workerData?: unknown): Worker {
  const isSource = beside.endsWith('.ts')
  const file = new URL(`./${name}.worker.${isSource ? 'ts' : 'js'}`, beside)
  if (!isSource) return new Worker(file, { workerData, execArgv: [] })
  // Node 20 applies no `--import` loader to a thread's own file: tsx has to be called from inside.
  const tsx = import.meta.resolve('tsx/esm/api')
  const start = `import('${tsx}').then(tsx => tsx.tsImport('${file.href}', '${file.href}'))`
  return new Worker(start, { eval: true, workerData, execArgv: [] })
}
