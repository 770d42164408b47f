import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { askPatiently } from '../../src/gpu/patience.ts'

askPatiently()

test('what a binding asks again and again, it asks once a millisecond when the first is over', async () => {
  const began = performance.now()
  const times: number[] = []
  await new Promise<void>(resolve => {
    const ask = function (this: number[]): void {
      this.push(performance.now() - began)
      if (this.at(-1)! < 100) setImmediate(bound)
      else resolve()
    }
    const bound = ask.bind(times) // its text is that of a native function
    setImmediate(bound)
  })
  const late = times.filter(time => time > 2)
  expect(late.length).toBeGreaterThan(2)
  // timers count whole milliseconds, so two may be closer than one, but not more than there are
  expect(late.length).toBeLessThan(late.at(-1)! - 2 + 3)
})

test('a new question is asked at once', async () => {
  const asked = new Promise<string>(resolve => setImmediate((() => resolve('binding')).bind(undefined)))
  const timed = new Promise<string>(resolve => setTimeout(() => resolve('timer'), 1000))
  expect(await Promise.race([asked, timed])).toBe('binding')
})

test('setImmediate is as before for everybody else', async () => {
  expect(await promisify(setImmediate)('value')).toBe('value')
  const heard: unknown[] = []
  clearImmediate(setImmediate(() => heard.push('cleared')))
  await new Promise<void>(resolve =>
    setImmediate(
      (...values: unknown[]) => {
        heard.push(...values)
        resolve()
      },
      1,
      2,
    ),
  )
  expect(heard).toEqual([1, 2])
})
