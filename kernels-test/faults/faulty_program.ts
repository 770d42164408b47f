import { type Ended, ProgramApart } from './program_apart.ts'
import type { Call, Fault, Operation, Shim } from './shim.ts'

const LONGEST = 60_000 // ms of processor time; a command of these tests takes at most a few seconds

export interface Outcome extends Ended {
  calls: Call[]
}

interface RunOptions {
  folder: string
  /** part of every path that is watched; default: the folder */
  watched?: string
  operations: readonly Operation[]
  fault?: Fault
}

/** The program under the shim. */
export class FaultyProgram {
  private readonly shim: Shim
  private readonly program: ProgramApart

  constructor(shim: Shim) {
    this.shim = shim
    this.program = new ProgramApart(LONGEST, shim.environment)
  }

  /** Runs a command in `folder` and counts the operations on what lies under `watched`; a fault lets some of them fail. */
  async run(words: readonly string[], { folder, watched = folder, operations, fault }: RunOptions): Promise<Outcome> {
    await this.program.started()
    this.shim.watch(watched, operations, fault)
    const ended = await this.program.run(words, folder)
    return { ...ended, calls: this.shim.unwatch() }
  }

  end(): Promise<void> {
    return this.program.end()
  }
}
