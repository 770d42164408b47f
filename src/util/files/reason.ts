/** Why a file operation failed, and which one, without the path that Node adds: callers name the path that the user knows. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const isOfSystem = 'syscall' in error
  return isOfSystem ? error.message.replace(/ '.*$/s, '') : error.message
}

/** The system's code (ENOENT, EIO, …) of an error or of the error that caused it. */
export function codeOf(error: unknown): string | undefined {
  const { code, cause } = (error ?? {}) as NodeJS.ErrnoException
  return code ?? (cause === undefined ? undefined : codeOf(cause))
}
