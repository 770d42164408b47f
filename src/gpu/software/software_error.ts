/** The software adapter could not be installed. The message names the step. */
export class SoftwareAdapterError extends Error {
  override name = 'SoftwareAdapterError'

  static because(reason: string): SoftwareAdapterError {
    return new SoftwareAdapterError(`software adapter not installed: ${reason}`)
  }
}
