import { join } from 'node:path'
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { readWhole } from '../util/whole_file.ts'
import { FILE_POLICY } from './guard.ts'
import { ownFile } from './records/own_files.ts'

/** Pictures that a page may show; anything else is downloaded. */
const SHOWN: Readonly<Record<string, string>> = { png: 'image/png', jpg: 'image/jpeg', svg: 'image/svg+xml' }

/** A file of a record or of results: pictures are shown, anything else is saved; neither runs a script. */
export function sendFile(c: Context, folder: string, names: readonly string[]): Response {
  if (!ownFile(folder, names)) throw new HTTPException(404, { message: 'There is no such file.' })
  const name = names.at(-1)!
  const type = SHOWN[name.split('.').at(-1)!.toLowerCase()]
  c.header('Content-Security-Policy', FILE_POLICY)
  c.header('Content-Disposition', `${type ? 'inline' : 'attachment'}; filename*=UTF-8''${encodeURIComponent(name)}`)
  c.header('Cache-Control', 'no-cache')
  c.header('Content-Type', type ?? 'application/octet-stream')
  return c.body(new Uint8Array(readWhole(join(folder, ...names))))
}
