import { afterEach, expect, test } from 'vitest'
import { ThreadPool } from '../../src/util/thread_pool.ts'
import type { PoolRequest, PoolResult } from './pool.worker.ts'

let pool: ThreadPool<PoolRequest, PoolResult>
afterEach(() => pool.close())

function open(size?: number): void {
  pool = new ThreadPool({ beside: import.meta.url, name: 'pool', title: 'a test thread', ...(size && { size }) })
}

const request = (value: number): PoolRequest => ({ values: Float32Array.of(value) })

test('requests go to the least busy thread, and results belong to their requests', async () => {
  open(3)
  expect(pool.size).toBe(3)
  const results = await Promise.all(Array.from({ length: 12 }, (_, i) => pool.ask(request(i))))
  expect(results.map(({ doubled }) => doubled[0])).toEqual(Array.from({ length: 12 }, (_, i) => 2 * i))
  expect(new Set(results.map(({ thread }) => thread)).size).toBe(3)
})

test('transferred memory leaves the caller', async () => {
  open()
  const { values } = request(4)
  const { doubled } = await pool.ask({ values }, [values.buffer])
  expect(values.buffer.byteLength).toBe(0)
  expect([...doubled]).toEqual([8])
})

test('an error in the worker rejects its request by name and message; the thread goes on', async () => {
  open()
  const failed = pool.ask({ ...request(1), failure: 'throw' })
  const next = pool.ask(request(2))
  await expect(failed).rejects.toMatchObject({ name: 'RangeError', message: 'no such value' })
  expect((await next).doubled[0]).toBe(4)
})

test('a thread that ends rejects what it has not answered, and the next request starts it again', async () => {
  open()
  const first = await pool.ask(request(1))
  await expect(pool.ask({ ...request(1), failure: 'exit' })).rejects.toThrow('a test thread died: it ended with code 3')
  expect((await pool.ask(request(3))).thread).not.toBe(first.thread)
})

test('closing rejects unanswered requests', async () => {
  open()
  const unanswered = expect(pool.ask(request(1))).rejects.toThrow('a test thread was closed')
  await pool.close()
  await unanswered
})
