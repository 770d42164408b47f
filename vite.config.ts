import { defineConfig } from 'vite'

/** The pages of the board, bundled into dist/board: an installed package needs nothing more. */
export default defineConfig({
  root: 'src/board/page',
  base: './', // the folder works under any address
  publicDir: false,
  build: {
    outDir: '../../../dist/board',
    emptyOutDir: true,
    target: 'es2023',
    // the pages forbid data: in scripts and styles; a file of its own is cached, too
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 4000, // kB; the viewer is large, and loaded only where scans are shown
    rolldownOptions: { input: { board: 'src/board/page/index.html' } },
  },
})
