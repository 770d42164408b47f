import { messageOf } from '../error.ts'

/** Why a file operation failed, and which one, without the path that Node adds: callers name the path that the user knows. */
export function reasonOf(error: unknown): string {
  if (!isOfSystem(error)) return messageOf(error)
  const held = isHeldOpen(error) ? '; another program may hold it open' : ''
  return error.message.replace(/ '.*$/s, '') + held
}

/** Whether Windows may have refused this because another program holds the file open; other systems never do. */
export function isHeldOpen(error: unknown): boolean {
  return process.platform === 'win32' && isOfSystem(error) && ['EPERM', 'EACCES', 'EBUSY'].includes(error.code ?? '')
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
