import { ThreadPool } from '../util/thread_pool.ts'
import { WriteError } from '../util/whole_file.ts'
import type { Checkpoint } from './checkpoint.ts'

export interface WriteJob {
  checkpoint: Checkpoint
  /** in the order of writing */
  paths: string[]
}

/** Writes checkpoints in a thread, one after another, so that pickling, hashing and syncing do not delay training. */
export class WritingThread {
  private readonly pool = new ThreadPool<WriteJob, void>({
    beside: import.meta.url,
    name: 'write',
    title: 'the writing thread',
  })

  /**
   * Writes the checkpoint to each path, atomically, and resolves when the last file is on disk. The tensors are transferred to the thread:
   * the caller must not use them afterwards. Rejects with WriteError; the file that failed and those after it are then unchanged.
   */
  async write(paths: string[], checkpoint: Checkpoint): Promise<void> {
    try {
      await this.pool.ask({ checkpoint, paths }, buffersOf(checkpoint))
    } catch (error) {
      const { name, message } = error as Error
      throw name === 'WriteError' ? new WriteError(message, { cause: error }) : WriteError.at(paths.join(', '), error)
    }
  }

  /** Ends the thread; checkpoints not yet written are lost. */
  close(): Promise<void> {
    return this.pool.close()
  }
}

function buffersOf({ model, live, optimizer }: Checkpoint): ArrayBuffer[] {
  const moments = [...(optimizer?.state.values() ?? [])].flatMap(state => [state.exp_avg, state.exp_avg_sq])
  const weights = [...model.values(), ...(live?.values() ?? [])]
  return [...new Set([...weights, ...moments].map(({ data }) => data.buffer as ArrayBuffer))]
}
