import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** This program's folder in the user's cache (XDG Base Directory Specification, which says to ignore a relative XDG_CACHE_HOME). */
export function userCacheDirectory(): string {
  const cache = process.env.XDG_CACHE_HOME
  const base = cache && isAbsolute(cache) ? cache : join(homedir(), '.cache')
  return join(base, 'sadaan-gpu')
}
