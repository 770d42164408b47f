/** A task with at most one run at a time; requests during a run cause one more run. */
export class Turn {
  private readonly task: () => Promise<void>
  private running: Promise<void> | undefined
  private isWanted = false

  /** `task` never rejects. */
  constructor(task: () => Promise<void>) {
    this.task = task
  }

  /** Resolves when a run that began after this call has ended. */
  wake(): Promise<void> {
    this.isWanted = true
    this.running ??= this.run()
    return this.running
  }

  private async run(): Promise<void> {
    while (this.isWanted) {
      this.isWanted = false
      await this.task()
    }
    this.running = undefined
  }
}
