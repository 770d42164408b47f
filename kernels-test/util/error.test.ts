import { expect, test } from 'vitest'
import { InputError, messageOf } from '../../src/util/error.ts'

const aggregate = (message: string, ...messages: string[]): AggregateError =>
  new AggregateError(
    messages.map(text => new Error(text)),
    message,
  )

function cyclic(): Error {
  const error = new Error('')
  error.cause = error
  return error
}

const EIO = Object.assign(new Error("EIO: i/o error, read 'a'"), { code: 'EIO' })

const CASES: readonly [string, unknown, string][] = [
  ['an error', new Error('disk full'), 'disk full'],
  ['an error without a message', new Error(), 'Error without a message'],
  ['of a class with a name', new DOMException('', 'AbortError'), 'AbortError without a message'],
  ['with nothing but a code', Object.assign(new Error(' '), { code: 'EIO' }), 'Error without a message (EIO)'],
  ['with a cause', new Error('no server', { cause: new Error('refused') }), 'no server (refused)'],
  ['whose message has its cause', new Error('a: EIO', { cause: new Error('EIO') }), 'a: EIO'],
  ['whose message names the code of its cause', new Error('a: EIO', { cause: EIO }), 'a: EIO'],
  ['of ours, which says it all', new InputError('a: no such file', { cause: EIO }), 'a: no such file'],
  ['with nothing but a cause', new Error('', { cause: new Error('', { cause: 'refused' }) }), 'refused'],
  ['that is its own cause', cyclic(), 'Error without a message'],
  ['several at once', aggregate('', 'refused ::1', 'refused 127.0.0.1'), 'refused ::1; refused 127.0.0.1'],
  ['several under one message', aggregate('no address answers', 'a', 'b'), 'no address answers (a; b)'],
  ['an empty collection', aggregate(''), 'AggregateError without a message'],
  ["a GPU's error, which is none of JavaScript's", { message: 'lost' }, 'lost'],
  ['a text', 'stopped\n', 'stopped'],
  ['an empty text', '', 'failed without a message: "" was thrown'],
  ['nothing', undefined, 'failed without a message: undefined was thrown'],
  ['null', null, 'failed without a message: null was thrown'],
  ['a number', 7, 'failed without a message: 7 was thrown'],
  ['an object', {}, 'an error without a message'],
]

test.each(CASES)('%s has a message', (_, thrown, message) => {
  expect(messageOf(thrown)).toBe(message)
})

test('of many errors at once, ten are told', () => {
  const many = aggregate('', ...Array.from({ length: 12 }, (_, i) => `error ${i}`))
  expect(messageOf(many)).toMatch(/^error 0; .*; error 9 and 2 more$/)
})
