import type { Report, Request } from './messages.ts'
import workerUrl from './worker.ts?worker&url'

/** The script of the thread, fetched when the page opens: a thread that starts later needs no network. */
const script = fetch(workerUrl).then(async response => {
  if (!response.ok) throw new Error(`${workerUrl}: status ${response.status}`)
  return URL.createObjectURL(await response.blob())
})

/** Runs the thread that predicts. */
export class Predictor {
  private readonly hear: (report: Report) => void
  private worker: Worker | undefined
  private turn = 0

  constructor(hear: (report: Report) => void) {
    this.hear = hear
  }

  /** Puts a model on the GPU, in a new thread. What an earlier one was doing is cancelled. */
  async open(model: File): Promise<void> {
    this.cancel()
    const { turn } = this
    const url = await script
    if (turn !== this.turn) return
    const worker = new Worker(url, { type: 'module' })
    this.worker = worker
    worker.addEventListener('message', ({ data }: MessageEvent<Report>) => {
      if (this.worker === worker) this.hear(data)
    })
    worker.addEventListener('error', event => {
      if (this.worker === worker) this.hear({ kind: 'failed', line: event.message || 'the thread that predicts died' })
    })
    this.ask({ kind: 'open', model })
  }

  /** Segments a scan; the model is open. */
  predict(files: File[], isSlidOver: boolean): void {
    this.ask({ kind: 'predict', files, isSlidOver })
  }

  /** Ends the thread and gives back its memory. */
  cancel(): void {
    this.turn++
    this.worker?.terminate()
    this.worker = undefined
  }

  private ask(request: Request): void {
    this.worker?.postMessage(request)
  }
}
