// node exchange.mjs RANKS_MODULE: a rank that does everything ranks do together and prints what came of it as one line of JSON
import { createHash } from 'node:crypto'

const { Ranks } = await import(process.argv[2])
const ranks = await Ranks.join(60)
const { rank, size } = ranks

/** Gradients of which every order of addition has its own bits. */
const gradient = r => Float32Array.from({ length: 1001 }, (_, i) => Math.sin(i * (r + 1)) * 10 ** ((i * 7 + r) % 5))

async function summed(contributing, array = gradient(rank)) {
  await ranks.sum(array, { contributing, flush: false })
  return createHash('sha256').update(array).digest('hex')
}

const text = array => Array.from(array, x => (Object.is(x, -0) ? '-0' : String(x))).join(' ')

const shared = new Float32Array(new SharedArrayBuffer(4 * 1001))
shared.set(gradient(rank))
// the second and third begin while the first is under way
const sums = await Promise.all([summed(size), summed(1), summed(Math.max(1, size - 1)), summed(size, shared)])
const subnormal = Float32Array.of(2 ** -130, -(2 ** -127), 2 ** -126)
const kept = subnormal.slice()
await ranks.sum(kept, { contributing: size, flush: false })
await ranks.sum(subnormal, { contributing: size, flush: true })

const bytes = new Uint8Array(5).fill(rank)
await ranks.broadcast(bytes, size - 1)
const gathered = await ranks.gather(new Uint8Array(rank).fill(rank))
const values = await ranks.gatherValues({ rank, odd: rank % 2 === 1 })
const refusal = await ranks.requireSame('the dataset', rank < 1 ? 'a' : 'b').then(() => '', String)
await ranks.barrier()
await ranks.leave()
const facts = { rank, size, name: ranks.name, self: ranks.self, members: ranks.members.length, library: ranks.library }
const result = { facts, sums, kept: [...kept], flushed: text(subnormal), bytes: [...bytes], values, refusal }
process.stdout.write(`${JSON.stringify({ ...result, gathered: gathered.map(each => [...each]) })}\n`)
