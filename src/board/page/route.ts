import { useEffect, useState } from 'preact/hooks'
import { hrefOf, type Place, placeOf } from './address.ts'

/** Changes part of the address's query, without a new entry in the history. Empty values leave it. */
export function setQuery(query: URLSearchParams, changes: Readonly<Record<string, string>>): void {
  const next = new URLSearchParams(query)
  for (const [key, value] of Object.entries(changes)) {
    if (value === '') next.delete(key)
    else next.set(key, value)
  }
  const { page, parts } = placeOf(location.hash)
  location.replace(hrefOf(page, parts, next))
}

/** The place of the address bar; renders again when it changes. */
export function usePlace(): Place {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const follow = (): void => setHash(location.hash)
    addEventListener('hashchange', follow)
    return () => removeEventListener('hashchange', follow)
  }, [])
  return placeOf(hash)
}
