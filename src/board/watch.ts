import { type Context, Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { Records } from './records/records.ts'

const BETWEEN_LOOKS = 1000 // ms
const BETWEEN_SIGNS = 15_000 // ms; a proxy closes a connection that says nothing

type Listener = (changed: ReadonlySet<string>) => void

/** Looks at the records every second while a page is open, and tells the pages what changed. */
export class Watch {
  private readonly records: Records
  private readonly listeners = new Set<Listener>()
  private timer: NodeJS.Timeout | undefined

  constructor(records: Records) {
    this.records = records
  }

  private listen(listener: Listener): () => void {
    this.listeners.add(listener)
    this.timer ??= setInterval(() => this.look(), BETWEEN_LOOKS)
    return () => {
      this.listeners.delete(listener)
      if (this.listeners.size === 0) this.close()
    }
  }

  close(): void {
    clearInterval(this.timer)
    this.timer = undefined
  }

  private look(): void {
    this.records.refresh()
    const changed = this.records.takeChanges()
    if (changed.size > 0) for (const listener of this.listeners) listener(changed)
  }

  /** `/events`: server-sent events, each with the ids of the runs that changed. */
  get events(): Hono {
    const app = new Hono()
    app.get('/events', (c: Context) =>
      streamSSE(c, async stream => {
        let wake: () => void = () => undefined
        const changed = new Set<string>()
        const stop = this.listen(ids => {
          for (const id of ids) changed.add(id)
          wake()
        })
        stream.onAbort(() => {
          stop()
          wake()
        })
        // what changed before the page listened: everything may have
        await stream.writeSSE({ event: 'open', data: '[]' })
        while (!stream.aborted) {
          if (changed.size === 0) await sleepUntil(woken => (wake = woken))
          if (stream.aborted) break
          await stream.writeSSE({ event: changed.size > 0 ? 'changed' : 'alive', data: JSON.stringify([...changed]) })
          changed.clear()
        }
      }),
    )
    return app
  }
}

/** Resolves when woken, or when it is time for a sign of life. */
function sleepUntil(register: (wake: () => void) => void): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, BETWEEN_SIGNS)
    register(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
