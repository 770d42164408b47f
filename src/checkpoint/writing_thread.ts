import { Calls, ThreadEndedError } from '../util/calls.ts'
import { WriteError } from '../util/whole_file.ts'
import type { Checkpoint } from './checkpoint.ts'

export interface WriteJob {
  checkpoint: Checkpoint
  /** in the order in which they are written */
  paths: string[]
}

/** Writes checkpoints in a thread of its own, one after another: pickling, hashing and syncing cost the caller nothing. */
export class WritingThread {
  private readonly calls = new Calls<WriteJob, undefined>(import.meta.url, 'write', 'the writing thread')

  /**
   * Writes the checkpoint to each path, atomically, and resolves when the last is on the disk. Its tensors are moved to the thread: the
   * caller must not touch them any more. Rejects with WriteError; the files from the failing one on are then what they were.
   */
  async write(paths: string[], checkpoint: Checkpoint): Promise<void> {
    try {
      await this.calls.ask({ checkpoint, paths }, buffersOf(checkpoint))
    } catch (error) {
      const { message } = error as Error
      const isWhole = !(error instanceof ThreadEndedError)
      throw new WriteError(isWhole ? message : `${paths.join(', ')}: cannot be written (${message})`, { cause: error })
    }
  }

  /** Ends the thread; what it has not written is not written any more. */
  close(): Promise<void> {
    return this.calls.close()
  }
}

function buffersOf({ model, optimizer }: Checkpoint): ArrayBuffer[] {
  const moments = [...(optimizer?.state.values() ?? [])].flatMap(state => [state.exp_avg, state.exp_avg_sq])
  return [...new Set([...model.values(), ...moments].map(({ data }) => data.buffer as ArrayBuffer))]
}
