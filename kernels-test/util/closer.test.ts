import { expect, test } from 'vitest'
import { Closer } from '../../src/util/closer.ts'

/** Opens a resource that logs when it is closed. */
function open(opened: Closer, name: string, closed: string[], failure?: Error): void {
  opened.add(name, async each => {
    await Promise.resolve()
    closed.push(each)
    if (failure) throw failure
  })
}

test('resources close in reverse order, all of them even if one fails; the first failure is thrown, and only once', async () => {
  const closer = new Closer()
  const closed: string[] = []
  open(closer, 'first', closed, new Error('of the first'))
  open(closer, 'second', closed, new Error('of the second'))
  open(closer, 'third', closed)
  await expect(closer.close()).rejects.toThrow('of the second')
  expect(closed).toEqual(['third', 'second', 'first'])
  await closer.close()
  expect(closed).toHaveLength(3)
})

test('synchronous closings have run when close returns', async () => {
  const closer = new Closer()
  const closed: string[] = []
  for (const name of ['first', 'second']) closer.add(name, each => void closed.push(each))
  const closing = closer.close()
  expect(closed).toEqual(['second', 'first'])
  await closing
})

test('opening: nothing is closed on success; on failure everything is, and the error is that of the opening', async () => {
  const closed: string[] = []
  const closer = await Closer.opening(async opened => {
    open(opened, 'kept', closed)
    return opened
  })
  expect(closed).toEqual([])
  await closer.close()
  expect(closed).toEqual(['kept'])
  const failing = Closer.opening(async opened => {
    open(opened, 'freed', closed, new Error('of the closing'))
    throw new Error('of the opening')
  })
  await expect(failing).rejects.toThrow('of the opening')
  expect(closed).toEqual(['kept', 'freed'])
})

test('using: everything is closed on success and on failure; a failing closing after success is thrown', async () => {
  const closed: string[] = []
  expect(
    await Closer.using(async opened => {
      open(opened, 'first', closed)
      return 7
    }),
  ).toBe(7)
  expect(closed).toEqual(['first'])
  const failing = Closer.using(async opened => {
    open(opened, 'second', closed)
    throw new Error('of the use')
  })
  await expect(failing).rejects.toThrow('of the use')
  expect(closed).toEqual(['first', 'second'])
  const leaving = Closer.using(async opened => open(opened, 'third', closed, new Error('of the closing')))
  await expect(leaving).rejects.toThrow('of the closing')
  expect(closed).toEqual(['first', 'second', 'third'])
})
