// node faults.mjs RANKS_MODULE SCENARIO: a rank that sums until something happens to one of them
const [, , module, scenario] = process.argv
const { asRank } = await import(new URL('../../cli/process/ranks.js', module))
const { InputError } = await import(new URL('../util/error.js', module))

const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

async function work(ranks) {
  for (let step = 0; ; step++) {
    if (scenario === 'same' && step === 3) throw new InputError('no dataset')
    if (scenario === 'throw' && step === 3 && ranks.rank === 1) throw new Error('out of memory')
    if (scenario === 'hang' && step === 3) ranks.timeout = 5
    if (scenario === 'hang' && step === 3 && ranks.rank === 1) await new Promise(() => setInterval(() => {}, 1000))
    await ranks.sum(new Float32Array(100), { contributing: ranks.size, flush: false })
    if (step === 1) process.stdout.write(`rank ${ranks.rank} is process ${process.pid}\n`)
    // the others are working, not waiting, when something happens to rank 1
    await pause(scenario === 'kill' && ranks.rank !== 1 ? 30 : 0)
  }
}

try {
  await asRank(work)
} catch (error) {
  process.stderr.write(`sadaan-gpu: ${error.message}\n`)
  process.exit(error.name === 'InputError' ? 2 : 1)
}
