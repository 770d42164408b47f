import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig, type Plugin } from 'vite'

/** Licences that their packages do not contain. */
const MISSING: Readonly<Record<string, string>> = { '@niivue/niivue': 'src/board/page/notices/niivue.txt' }

/** The pages of the board, bundled into dist/board: an installed package needs nothing more. */
export default defineConfig({
  root: 'src/board/page',
  base: './', // the folder works under any address
  publicDir: false,
  plugins: [notices()],
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
      input: { board: 'src/board/page/index.html' },
      // codecs of Zarr, 1.4 MB: the viewer would load them for such a volume, which the board never gives it
      external: [/^numcodecs\//],
    },
  },
})

/** Writes licences.txt with the licence of every package whose code is in the bundle. */
function notices(): Plugin {
  return {
    name: 'notices',
    generateBundle(_, bundle) {
      const modules = Object.values(bundle).flatMap(piece => (piece.type === 'chunk' ? piece.moduleIds : []))
      const folders = modules.flatMap(id => /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1] ?? [])
      const source = [...new Set(folders)].sort().map(noticeOf).join('\n')
      this.emitFile({ type: 'asset', fileName: 'licences.txt', source })
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
