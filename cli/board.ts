import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { Command } from 'commander'
import { startBoard } from '../src/board/board.ts'
import { exportPredictPage } from '../src/board/export.ts'
import { say } from './console/say.ts'
import { countOption } from './options.ts'

interface BoardOptions {
  host: string
  port: number
  open?: boolean
  export?: string
}

/** `board`: shows runs and results in a browser until Ctrl-C. */
export function makeBoardCommand(): Command {
  return new Command('board')
    .description('show runs live, evaluations and predictions in a browser')
    .argument('[folders...]', 'folders to look for run records and results in, and in their folders', ['.'])
    .option('--port <n>', 'port to listen on; 0 is any free one', countOption, 6060)
    .option('--host <address>', 'address to listen on; any but this machine itself asks for a token', '127.0.0.1')
    .option('--open', 'open the browser')
    .option('--export <folder>', 'write the page that segments scans as a folder for any web server, and end')
    .action(async (folders: string[], { host, port, open, export: folder }: BoardOptions) => {
      if (folder !== undefined) {
        const files = exportPredictPage(folder)
        say(
          `wrote ${files.length} files; open ${join(folder, 'index.html')} through a web server, over https or on this machine`,
        )
        return
      }
      const board = await startBoard({ folders, host, port })
      say(`the board is at ${board.url} (Ctrl-C ends it)`)
      if (open) openBrowser(board.url)
      await interrupted()
      await board.close()
    })
}

/** A machine without a browser is no failure: the address is printed. */
function openBrowser(url: string): void {
  const [command, ...words] =
    process.platform === 'darwin' ? ['open'] : process.platform === 'win32' ? ['explorer'] : ['xdg-open']
  const browser = spawn(command!, [...words, url], { stdio: 'ignore', detached: true })
  browser.on('error', () => say('no browser could be opened'))
  browser.unref()
}

function interrupted(): Promise<void> {
  return new Promise(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
}
