import { expect, test } from 'vitest'
import { InputError } from '../../src/util/error.ts'
import { listed, oneLine, printable } from '../../src/util/listing.ts'

test('lists at most ten names and counts the rest', () => {
  const names = Array.from({ length: 13 }, (_, i) => `s${i}`)
  expect(listed(names.slice(0, 10))).toBe('s0, s1, s2, s3, s4, s5, s6, s7, s8, s9')
  expect(listed(names)).toBe('s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 and 3 more')
  expect(listed([])).toBe('')
})

test('escapes what would move the cursor, break the line or reverse the text', () => {
  expect(printable('a\nb\x1b[2Jc')).toBe('a\\u{a}b\\u{1b}[2Jc')
  expect(printable('l\u2028x\u202ey\x9b')).toBe('l\\u{2028}x\\u{202e}y\\u{9b}')
  expect(listed(['ok', 'tab\there'])).toBe('ok, tab\\u{9}here')
  expect(printable('Überlänge 🫀 naïve')).toBe('Überlänge 🫀 naïve')
})

test('a message and a name in a list lose their middle where they are very long', () => {
  const long = oneLine(`start ${'x'.repeat(5000)} end`)
  expect(long).toMatch(/^start x+…x+ end$/)
  expect(long).toHaveLength(600)
  expect(oneLine('a\nb')).toBe('a\\u{a}b')
  expect(listed(['y'.repeat(5000), 'z'])).toMatch(/^y{133}…y{66}, z$/)
  expect(new InputError(`a\u0000${'b'.repeat(13_805)}`).message).toMatch(/^a\\u\{0\}b+…b+$/)
})
