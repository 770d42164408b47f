import { DeviceLostError } from '../../../gpu/device.ts'
import { NothingFits } from '../../../run/memory.ts'
import { InputError, messageOf } from '../../../util/error.ts'
import type { Report, Request } from './messages.ts'
import { type OpenModel, openModel } from './open_model.ts'
import { predictScan } from './predict_scan.ts'
import { scanIn } from './scan_files.ts'

/** The thread that predicts. It takes one request at a time; the page ends it to cancel. */
const tell = (report: Report): void => self.postMessage(report)

let opened: OpenModel | undefined

self.addEventListener('message', ({ data }: MessageEvent<Request>) => {
  answer(data).catch((error: unknown) => tell(failureOf(error)))
})

async function answer(request: Request): Promise<void> {
  if (request.kind === 'open') {
    opened = await openModel(request.model, tell)
    tell({ kind: 'model', model: opened.facts })
    return
  }
  const files = []
  for (const [done, file] of request.files.entries()) {
    tell({ kind: 'progress', what: 'Reading', done, all: request.files.length })
    files.push(await scanIn(file))
  }
  tell({ kind: 'found', found: await predictScan(opened!, { files, isSlidOver: request.isSlidOver }, tell) })
}

function failureOf(error: unknown): Report {
  if (error instanceof DeviceLostError) return { kind: 'lost', line: error.message }
  const line = messageOf(error)
  if (error instanceof NothingFits)
    return { kind: 'failed', line: `${line}; a GPU with larger buffers or a model of a smaller grid would do` }
  if (error instanceof RangeError)
    return { kind: 'failed', line: `this scan takes more memory than the page gets (${line})` }
  return { kind: 'failed', line: error instanceof InputError ? line : `${(error as Error).name ?? 'Error'}: ${line}` }
}
