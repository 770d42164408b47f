/** The user's input is wrong: the command ends with exit code 2 and this one line (what, where, what was expected). */
export class InputError extends Error {
  override name = 'InputError'
}

/** A call inside the program broke its contract: operation, argument, value and what was expected. */
export class ContractError extends Error {
  override name = 'ContractError'
  constructor(operation: string, argument: string, value: unknown, expected: string) {
    super(`${operation}: ${argument} is ${JSON.stringify(value)}, expected ${expected}`)
  }
}
