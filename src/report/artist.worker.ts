import { parentPort } from 'node:worker_threads'
import type { DrawingOrder, DrawingReply } from './artist.ts'
import { draw } from './drawing.ts'

const port = parentPort!

port.on('message', async ({ id, subject }: DrawingOrder) => {
  try {
    port.postMessage({ id, drawing: await draw(subject) } satisfies DrawingReply)
  } catch (error) {
    port.postMessage({ id, error: (error as Error).message } satisfies DrawingReply)
  }
})
