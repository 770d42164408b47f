import { join } from 'node:path'
import { defineConfig, type Plugin } from 'vite'

/** What needs Node; a page has a module of the same name for it. */
const OF_THE_HOST = /\/src\/(?:host|gpu)\/(adapter|digest|memory|scratch|shader_text)\.ts$/

/** Gives a page its own adapter and host. */
const browserHost: Plugin = {
  name: 'browser-host',
  enforce: 'pre',
  async resolveId(source, importer, options) {
    const found = await this.resolve(source, importer, { ...options, skipSelf: true })
    const name = found && OF_THE_HOST.exec(found.id)?.[1]
    return name ? join(import.meta.dirname, 'src/board/page/host', `${name}.ts`) : found
  },
}

/** The pages of the board, bundled into dist/board: an installed package needs nothing more. */
export default defineConfig({
  root: 'src/board/page',
  base: './', // the folder works under any address
  publicDir: false,
  plugins: [browserHost],
  worker: { format: 'es', plugins: () => [browserHost] },
  build: {
    outDir: '../../../dist/board',
    emptyOutDir: true,
    target: 'es2023',
    // the pages forbid data: in scripts and styles; a file of its own is cached, too
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 4000, // kB; the viewer is large, and loaded only where scans are shown
    rolldownOptions: { input: { board: 'src/board/page/index.html', predict: 'src/board/page/predict/index.html' } },
  },
})
