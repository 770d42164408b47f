import { useEffect, useState } from 'preact/hooks'

type Listener = (changed: ReadonlySet<string>) => void

const listeners = new Set<Listener>()
let source: EventSource | undefined

/** One connection for all parts of the page; the browser opens it again when it breaks. */
function connect(): void {
  source = new EventSource('api/events')
  const tell = ({ data }: MessageEvent<string>): void => {
    const changed = new Set(JSON.parse(data) as string[])
    for (const listener of listeners) listener(changed)
  }
  source.addEventListener('changed', tell)
  source.addEventListener('open', event => event instanceof MessageEvent && tell(event)) // it may have missed something
}

/** A number that grows when one of the runs changes; without runs, when anything does. */
export function useChanges(ids?: readonly string[]): number {
  const [count, setCount] = useState(0)
  const key = ids?.join('\n')
  useEffect(() => {
    const listener: Listener = changed => {
      if (!ids || changed.size === 0 || ids.some(id => changed.has(id))) setCount(before => before + 1)
    }
    listeners.add(listener)
    if (!source) connect()
    return () => {
      listeners.delete(listener)
      if (listeners.size > 0) return
      source?.close()
      source = undefined
    }
  }, [key])
  return count
}

/** The time in milliseconds, again every few seconds: durations of live runs grow. */
export function useNow(isLive: boolean): number {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    if (!isLive) return
    const timer = setInterval(() => setNow(Date.now()), 5000)
    return () => clearInterval(timer)
  }, [isLive])
  return now
}
