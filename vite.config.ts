import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig, type Plugin } from 'vite'

/** Licences that their packages do not contain. */
const MISSING: Readonly<Record<string, string>> = { '@niivue/niivue': 'src/board/page/notices/niivue.txt' }

/** What needs Node; a page has a module of the same name for it. */
const OF_THE_HOST = /\/src\/(?:host|gpu)\/(adapter|digest|memory|scratch|shader_text)\.ts$/

/** Folders of the packages whose code is in the bundles, those of threads among them. */
const bundled = new Set<string>()

/** The pages of the board, bundled into dist/board: an installed package needs nothing more. */
export default defineConfig({
  root: 'src/board/page',
  base: './', // the folder works under any address
  publicDir: false,
  plugins: [browserHost(), packages(), notices()],
  worker: { format: 'es', plugins: () => [browserHost(), packages()] },
  build: {
    outDir: '../../../dist/board',
    emptyOutDir: true,
    target: 'es2023',
    // the pages forbid data: in scripts and styles; a file of its own is cached, too
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 4000, // kB; the viewer is large, and loaded only where scans are shown
    rolldownOptions: {
      input: { board: 'src/board/page/index.html', predict: 'src/board/page/predict/index.html' },
      // codecs of Zarr, 1.4 MB: the viewer would load them for such a volume, which the board never gives it
      external: [/^numcodecs\//],
    },
  },
})

/** Gives a page its own adapter and host. */
function browserHost(): Plugin {
  return {
    name: 'browser-host',
    enforce: 'pre',
    async resolveId(source, importer, options) {
      const found = await this.resolve(source, importer, { ...options, skipSelf: true })
      const name = found && OF_THE_HOST.exec(found.id)?.[1]
      return name ? join(import.meta.dirname, 'src/board/page/host', `${name}.ts`) : found
    },
  }
}

/** Notes which packages are in a bundle. The bundle of a thread is made before that of its page. */
function packages(): Plugin {
  return {
    name: 'packages',
    generateBundle(_, bundle) {
      const modules = Object.values(bundle).flatMap(piece => (piece.type === 'chunk' ? piece.moduleIds : []))
      for (const id of modules) {
        const folder = /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1]
        if (folder !== undefined) bundled.add(folder)
      }
    },
  }
}

/** Writes licences.txt with the licence of every package whose code is in the bundles. */
function notices(): Plugin {
  return {
    name: 'notices',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'licences.txt', source: [...bundled].sort().map(noticeOf).join('\n') })
    },
  }
}

function noticeOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const file = readdirSync(folder).find(each => /^licen[cs]e/i.test(each))
  const path = file === undefined ? MISSING[name] : join(folder, file)
  if (path === undefined) throw new Error(`${name} has no licence file, expected one in MISSING of vite.config.ts`)
  return `${name} ${version}: ${license}\n\n${readFileSync(path, 'utf8').trim()}\n`
}
