import { join } from 'node:path'
import { makeFolders } from '../util/files/folder.ts'
import { namesIn } from '../util/files/lookup.ts'
import { readText, writeText, writing } from '../util/whole_file.ts'
import { BUILT_PAGES, checkBuilt } from './pages.ts'

/**
 * Writes the page that segments scans as a folder that any web server can serve: index.html, the files in assets/ that it needs, and licences.txt. Returns their
 * paths. Throws InputError if the pages are not built, WriteError.
 */
export function exportPredictPage(folder: string, pages = BUILT_PAGES): string[] {
  const page = join('predict', 'index.html')
  checkBuilt(pages, page)
  const html = readText(join(pages, page)).replaceAll('"../', '"./').replace('<html ', '<html data-alone ')
  const assets = namesIn(join(pages, 'assets'))
  const texts = new Map([
    ['index.html', html],
    ['licences.txt', readText(join(pages, 'licences.txt'))],
  ])
  // a map's loop takes in what is added meanwhile
  for (const text of texts.values())
    for (const name of assets)
      if (text.includes(name)) texts.set(join('assets', name), readText(join(pages, 'assets', name)))
  writing(folder, () => makeFolders(join(folder, 'assets')))
  for (const [path, text] of texts) writeText(join(folder, path), text)
  return [...texts.keys()].map(path => join(folder, path))
}
