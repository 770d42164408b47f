import { join } from 'node:path'
import type { Hono } from 'hono'
import { InputError } from '../util/error.ts'
import { factsOf, isFolder, namesIn } from '../util/files/lookup.ts'
import { PACKAGE_ROOT } from '../util/package_root.ts'
import { readWhole } from '../util/whole_file.ts'

/** Where the build puts the pages. */
export const BUILT_PAGES = join(PACKAGE_ROOT, 'dist', 'board')

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json',
  txt: 'text/plain; charset=utf-8',
  wgsl: 'text/plain; charset=utf-8',
  wasm: 'application/wasm',
  png: 'image/png',
  svg: 'image/svg+xml',
}

/** Serves the built pages: exactly the files that are there when the board starts. Throws InputError if they are not built. */
export function servePages(app: Hono, folder = BUILT_PAGES): void {
  checkBuilt(folder, 'index.html')
  for (const path of filesOf(folder, '')) {
    const served = path.replace(/(^|\/)index\.html$/, '$1')
    const type = TYPES[path.split('.').at(-1)!] ?? 'application/octet-stream'
    app.get(`/${served}`, c => {
      // the name of a bundled file changes with its content
      const kept = path.startsWith('assets/') ? 'max-age=31536000, immutable' : 'no-cache'
      const bytes = new Uint8Array(readWhole(join(folder, path)))
      return c.body(bytes, 200, { 'Content-Type': type, 'Cache-Control': kept })
    })
    // relative addresses in a page count from its folder
    if (served.endsWith('/')) app.get(`/${served.slice(0, -1)}`, c => c.redirect(`/${served}`))
  }
}

/** Throws InputError if a page is not built. */
export function checkBuilt(folder: string, page: string): void {
  if (!factsOf(join(folder, page))?.isFile())
    throw new InputError(`${folder}: has no ${page}, expected the board's pages; npm run build makes them`)
}

/** Paths of all files below a folder, with forward slashes. */
function filesOf(folder: string, below: string): string[] {
  return namesIn(join(folder, below)).flatMap(name => {
    const path = below === '' ? name : `${below}/${name}`
    return isFolder(join(folder, path)) ? filesOf(folder, path) : [path]
  })
}
