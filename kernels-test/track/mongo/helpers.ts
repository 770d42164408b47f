import { type Db, MongoClient } from 'mongodb'
import { afterEach, expect } from 'vitest'
import { parseMongoAddress } from '../../../src/track/mongo/address.ts'
import { MongoConnection } from '../../../src/track/mongo/connection.ts'
import { type MongoRequest, MongoRun } from '../../../src/track/mongo/run.ts'
import { request } from '../request.ts'
import { MongoServer } from './server/server.ts'

const DATABASE = 'organs'
/** Milliseconds to wait for the server: long, since a busy machine is no fault, unless the test expects that it does not answer. */
const ANSWER = { expected: 60_000, inDoubt: 500 }

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A server that ends with the test. */
export async function startServer(): Promise<MongoServer> {
  const server = await MongoServer.start()
  closing.push(() => server.kill())
  return server
}

/** What is in the database, through a driver of its own. */
export async function look(server: MongoServer): Promise<Db> {
  const client = new MongoClient(`mongodb://${server.address}`)
  closing.push(() => client.close())
  return client.db(DATABASE)
}

/** The value of `-m` for the server. */
export function addressOf(server: { address: string }): string {
  return `${server.address}:${DATABASE}`
}

/** A run in the server's database; a warning is an error unless the test takes it. */
export async function openRun(address: string, given: Partial<MongoRequest> = {}): Promise<MongoRun> {
  const answer = given.warn ? ANSWER.inDoubt : ANSWER.expected
  const connection = await MongoConnection.make(parseMongoAddress(address), answer)
  const { warn, ...start } = request('unused')
  return await MongoRun.open({ ...start, connection, id: undefined, warn, ...given })
}

/** Waits until it holds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  await expect.poll(holds, { timeout: 600_000, interval: 20 }).toBe(true)
}
