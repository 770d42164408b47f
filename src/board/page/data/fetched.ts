import { useEffect, useRef, useState } from 'preact/hooks'

export interface Fetched<T> {
  /** the last answer, also while the next one is under way */
  data: T | undefined
  /** why there is none, or none that is newer */
  problem: string | undefined
}

/**
 * The JSON at an address of the board, asked for again when `version` changes. One request at a time: what changes faster than the board answers
 * is asked for once more. Without an address, nothing.
 */
export function useJson<T>(url: string | undefined, version: unknown): Fetched<T> {
  const [held, hold] = useState<Fetched<T>>({ data: undefined, problem: undefined })
  const ask = useRef<() => void>(() => undefined)
  useEffect(() => {
    const aborter = new AbortController()
    const { signal } = aborter
    let isAsking = false
    let isOld = false
    ask.current = async () => {
      if (url === undefined) return
      isOld = isAsking
      if (isAsking) return
      isAsking = true
      try {
        const data = await answerOf<T>(url, signal)
        hold({ data, problem: undefined })
      } catch (error) {
        if (!signal.aborted) hold(before => ({ ...before, problem: (error as Error).message }))
      }
      isAsking = false
      if (isOld && !signal.aborted) ask.current()
    }
    return () => aborter.abort()
  }, [url])
  useEffect(() => ask.current(), [url, version])
  return held
}

/** The bytes at an address of the board. */
export async function bytesOf(url: string): Promise<ArrayBuffer> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(await response.text())
  return response.arrayBuffer()
}

async function answerOf<T>(url: string, signal: AbortSignal): Promise<T> {
  const response = await fetch(url, { signal })
  if (!response.ok) throw new Error(await response.text())
  return (await response.json()) as T
}

/** The address of an answer of the board. */
export function apiUrl(name: string, query: Readonly<Record<string, string | number | undefined | string[]>>): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query))
    for (const each of Array.isArray(value) ? value : [value]) if (each !== undefined) search.append(key, `${each}`)
  return `api/${name}?${search}`
}
