type Closing = () => void | Promise<void>

/** Resources opened one after another. */
export class Closer {
  private readonly closings: Closing[] = []

  /** Registers how to close `resource` and returns it. */
  add<T>(resource: T, close: (resource: T) => void | Promise<void>): T {
    this.closings.push(() => close(resource))
    return resource
  }

  /**
   * Closes all resources, the last one first, and then throws the first failure. Synchronous up to the first resource whose closing is
   * asynchronous.
   */
  async close(): Promise<void> {
    const failures: unknown[] = []
    for (const close of this.closings.splice(0).reverse()) {
      try {
        const closed = close()
        if (closed) await closed
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  /** Runs `open`, whose resources outlive it. If it throws, closes everything it registered. */
  static async opening<T>(open: (opened: Closer) => Promise<T>): Promise<T> {
    const opened = new Closer()
    try {
      return await open(opened)
    } catch (error) {
      await opened.close().catch(() => undefined) // the first error explains more
      throw error
    }
  }

  /** Runs `use`, then closes everything it registered. */
  static using<T>(use: (opened: Closer) => Promise<T>): Promise<T> {
    return Closer.opening(async opened => {
      const result = await use(opened)
      await opened.close()
      return result
    })
  }
}
