import { timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import type { Context, MiddlewareHandler } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'

/** Pages may run only the board's own scripts, connect only to the board, and be framed by nobody. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** A file of a record is data, whatever it holds: opened by itself, it runs no script. */
export const FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"

const COOKIE = 'sadaan-board'

/** Refuses every request that is not a reading one from a page of this board, and sets the headers of all answers. */
export function guard(token: string | undefined): MiddlewareHandler {
  return async (c, next) => {
    for (const [name, value] of Object.entries(HEADERS)) c.header(name, value)
    const { method } = c.req.raw
    if (method !== 'GET' && method !== 'HEAD') return c.text('The board only shows: GET and HEAD are allowed.', 405)
    const host = c.req.header('host')
    if (!isOwnHost(host)) return c.text('The Host of this request is not this machine.', 421)
    if (!isOwnOrigin(c, host!)) return c.text('This request comes from the page of another site.', 403)
    if (token !== undefined) {
      const refusal = checkToken(c, token)
      if (refusal) return refusal
    }
    await next()
  }
}

const HEADERS = {
  'Content-Security-Policy': PAGE_POLICY,
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
}

/**
 * A page of another site can have its own name resolve to this machine (DNS rebinding), but not the names that this machine has for
 * itself. The port may be that of an ssh tunnel.
 */
function isOwnHost(host: string | undefined): boolean {
  const name = /^(\[[0-9a-f:.]+\]|[\w.-]+)(?::\d+)?$/i.exec(host ?? '')?.[1]?.toLowerCase()
  if (name === undefined) return false
  const own = hostname().toLowerCase()
  return name === 'localhost' || isIP(name.replace(/^\[|\]$/g, '')) > 0 || name === own || name.startsWith(`${own}.`)
}

/** Browsers name the origin of scripts' requests, and say which are for a page of another site. */
function isOwnOrigin(c: Context, host: string): boolean {
  const origin = c.req.header('origin')
  const site = c.req.header('sec-fetch-site')
  const isOpened = c.req.header('sec-fetch-mode') === 'navigate' && c.req.header('sec-fetch-dest') === 'document'
  if (site !== undefined && !['same-origin', 'none'].includes(site) && !isOpened) return false
  return origin === undefined || origin === `http://${host}` || origin === `https://${host}`
}

/** `?token=` becomes a cookie and leaves the address, so that nobody copies it along with a link. */
function checkToken(c: Context, token: string): Response | undefined {
  const url = new URL(c.req.url)
  const given = url.searchParams.get('token')
  if (given !== null && isSame(given, token)) {
    setCookie(c, COOKIE, token, { httpOnly: true, sameSite: 'Strict', path: '/' })
    url.searchParams.delete('token')
    return c.redirect(`${url.pathname}${url.search}`)
  }
  const [, bearer] = /^Bearer (.+)$/.exec(c.req.header('authorization') ?? '') ?? []
  const known = bearer ?? getCookie(c, COOKIE)
  if (known !== undefined && isSame(known, token)) return undefined
  return c.text('This board asks for the token in the address that it printed when it started.', 401)
}

function isSame(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)]
  return a.length === b.length && timingSafeEqual(a, b)
}
