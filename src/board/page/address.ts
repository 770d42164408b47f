/** What a page's address names, e.g. `#/run/sacred_runs%2F3?log=1`. */
export interface Place {
  page: string
  /** what follows the page, decoded, e.g. ['sacred_runs/3'] */
  parts: string[]
  query: URLSearchParams
}

export function placeOf(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const [page = '', ...parts] = path.split('/').map(decoded)
  return { page, parts, query: new URLSearchParams(query) }
}

export function hrefOf(page: string, parts: readonly string[], query?: URLSearchParams): string {
  const search = query?.toString()
  return `#/${[page, ...parts].map(encodeURIComponent).join('/')}${search ? `?${search}` : ''}`
}

/** A typed address may hold a stray `%`. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
