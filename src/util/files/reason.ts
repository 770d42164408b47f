import { messageOf } from '../error.ts'

/** Why a file operation failed, and which one, without the path that Node adds: callers name the path that the user knows. */
export function reasonOf(error: unknown): string {
  return isOfSystem(error) ? error.message.replace(/ '.*$/s, '') : messageOf(error)
}

/** Whether the operating system refused a call, as Node reports it. */
export function isOfSystem(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}

/** The system's code (ENOENT, EIO, …) of an error or of the error that caused it. */
export function codeOf(error: unknown): string | undefined {
  const { code, cause } = (error ?? {}) as NodeJS.ErrnoException
  return code ?? (cause === undefined ? undefined : codeOf(cause))
}
