import { listed, oneLine } from './listing.ts'

/**
 * The user's input is wrong: the command ends with exit code 2 and this one line (what, where, what was expected). What a file or a user wrote
 * may be part of it, so it is escaped and cut here.
 */
export class InputError extends Error {
  override name = 'InputError'
  constructor(message: string, options?: ErrorOptions) {
    super(oneLine(message), options)
  }
}

/** A call inside the program broke its contract: operation, argument, value and what was expected. */
export class ContractError extends Error {
  override name = 'ContractError'
  constructor(operation: string, argument: string, value: unknown, expected: string) {
    super(`${operation}: ${argument} is ${JSON.stringify(value)}, expected ${expected}`)
  }
}

/** Causes of causes that a message includes; more would be a cycle. */
const DEEPEST = 5

/**
 * What went wrong, never empty, for anything that can be thrown: an error, also without a message, with its causes and with the errors that it
 * collects; an error that is none of ours, such as those of a GPU; a text; nothing at all.
 */
export function messageOf(thrown: unknown, depth = DEEPEST): string {
  if (typeof thrown !== 'object' || thrown === null) return textOf(thrown)
  const { message, name, code, cause, errors } = thrown as Partial<AggregateError> & { code?: unknown }
  const own = typeof message === 'string' ? message.trim() : ''
  if (depth === 0) return own || kindOf(name)
  const collected = Array.isArray(errors)
    ? listed(
        errors.map(each => messageOf(each, depth - 1)),
        '; ',
      )
    : ''
  const why = isTold(thrown, own) ? '' : messageOf(cause, depth - 1)
  const known = own || (collected || why ? '' : `${kindOf(name)}${typeof code === 'string' ? ` (${code})` : ''}`)
  return [collected, why].reduce(withReason, known)
}

/** Whether there is no cause, or the message has it in other words: it names the system's code, or it is an explanation. */
function isTold(thrown: object, message: string): boolean {
  const { cause } = thrown as Error
  if (cause === undefined || cause === null) return true
  const { code } = cause as NodeJS.ErrnoException
  return message !== '' && (thrown instanceof InputError || (typeof code === 'string' && message.includes(code)))
}

/** The reason in brackets, unless the message has it already. */
function withReason(message: string, reason: string): string {
  if (message === '') return reason
  return message.includes(reason) ? message : `${message} (${reason})`
}

function textOf(thrown: unknown): string {
  const text = typeof thrown === 'string' ? thrown.trim() : ''
  return text || `failed without a message: ${JSON.stringify(thrown) ?? String(thrown)} was thrown`
}

function kindOf(name: unknown): string {
  return `${typeof name === 'string' && name !== '' ? name : 'an error'} without a message`
}
