import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { InputError, messageOf } from '../util/error.ts'
import { isFolder } from '../util/files/lookup.ts'
import { reasonOf } from '../util/files/reason.ts'
import { oneLine } from '../util/listing.ts'
import { makeApi } from './api.ts'
import { guard } from './guard.ts'
import { servePages } from './pages.ts'
import { KnownFigures } from './records/known_figures.ts'
import { Records } from './records/records.ts'
import { makeResultsApi } from './results_api.ts'
import { Watch } from './watch.ts'

interface BoardRequest {
  /** folders to look for records and results in */
  folders: readonly string[]
  /** address to listen on; any but 127.0.0.1, ::1 and localhost asks for a token */
  host?: string
  /** 0 is any free one */
  port?: number
  /** folder of the built pages, instead of the package's */
  pages?: string
}

export interface RunningBoard {
  /** address to open, with the token if there is one */
  url: string
  close(): Promise<void>
}

const LAST_PORT = 65_535
const LOOPBACK = ['127.0.0.1', '::1', 'localhost']

/** Starts the board. It reads the folders and writes nothing into them. Throws InputError: no such folder, a port that is taken. */
export async function startBoard(request: BoardRequest): Promise<RunningBoard> {
  const { folders, host = '127.0.0.1', port = 0, pages } = request
  if (port > LAST_PORT) throw new InputError(`port ${port}: expected 0 to ${LAST_PORT}`)
  for (const folder of folders)
    if (!isFolder(folder)) throw new InputError(`${folder}: is no folder, expected one with run records or results`)
  const token = LOOPBACK.includes(host) ? undefined : randomBytes(24).toString('base64url')
  const app = new Hono()
  app.use(guard(token))
  app.onError((error, c) => {
    const status = error instanceof HTTPException ? error.status : error instanceof InputError ? 422 : 500
    return c.text(oneLine(messageOf(error)), status)
  })
  const records = new Records(folders, new KnownFigures())
  const watch = new Watch(records)
  app.route('/api', watch.events)
  app.route('/api', makeResultsApi(records))
  app.route('/api', makeApi(records))
  servePages(app, pages)
  const server = await listening(app, host, port)
  records.refresh()
  const address = server.address() as AddressInfo
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  const shown = ['0.0.0.0', '[::]'].includes(name) ? 'localhost' : name
  return {
    url: `http://${shown}:${address.port}/${token === undefined ? '' : `?token=${token}`}`,
    close: () => {
      records.close()
      watch.close()
      return closed(server)
    },
  }
}

function listening(app: Hono, hostname: string, port: number): Promise<ServerType> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname, port }, () => resolve(server))
    server.once('error', error =>
      reject(new InputError(`${hostname}:${port}: cannot listen there (${reasonOf(error)})`, { cause: error })),
    )
  })
}

/** Ends at once: a page that is open holds a connection. */
function closed(server: ServerType): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve())
    if ('closeAllConnections' in server) server.closeAllConnections()
  })
}
