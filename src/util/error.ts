import { oneLine } from './listing.ts'

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
