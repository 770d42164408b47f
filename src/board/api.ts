import { type Context, Hono } from 'hono'
import { compress } from 'hono/compress'
import { HTTPException } from 'hono/http-exception'
import { PICTURES } from '../track/picture_history.ts'
import type { RunRecordReader } from './records/record.ts'
import type { Records } from './records/records.ts'
import { resumedFromOf, runPageOf } from './records/run_page.ts'
import { type Earlier, type SeriesWindow, seriesOf } from './records/series.ts'
import { sendFile } from './send_file.ts'
import type { SeriesAnswer } from './wire/run.ts'

const MOST_RUNS = 24 // compared at once
const MOST_EARLIER = 50 // runs that continue each other
const WIDEST = 8192 // pixels

/** The answers about runs, as JSON, and the files of their records. Runs and files are found in lists of what is there, not by path. */
export function makeApi(records: Records): Hono {
  const api = new Hono()
  api.use(compress())
  api.get('/runs', c => {
    records.refresh()
    return c.json(records.table)
  })
  api.get('/run', c => c.json(runPageOf(runOf(records, c.req.query('id')))))
  api.get('/series', c => {
    const ids = c.req.queries('id') ?? []
    if (ids.length > MOST_RUNS) throw new HTTPException(400, { message: `At most ${MOST_RUNS} runs can be compared.` })
    const window = windowOf(c)
    const runs = ids.map(id => {
      const run = runOf(records, id)
      return { id, series: seriesOf(records.withMetrics(run).metrics(), earlierOf(records, run), window) }
    })
    return c.json({ runs } satisfies SeriesAnswer)
  })
  api.get('/file', c => sendFile(c, runOf(records, c.req.query('id')).path, [c.req.query('name') ?? '']))
  api.get('/picture', c => {
    const { path } = runOf(records, c.req.query('id'))
    return sendFile(c, path, [PICTURES, c.req.query('name') ?? '', `${Number(c.req.query('epoch'))}.png`])
  })
  return api
}

function runOf(records: Records, id: string | undefined): RunRecordReader {
  const find = (): RunRecordReader | undefined => (id === undefined ? undefined : records.run(id))
  let found = find()
  if (!found) {
    records.refresh() // it may have just started
    found = find()
  }
  if (!found) throw new HTTPException(404, { message: 'There is no such run.' })
  return found
}

/** The runs that a run continues, the latest first, as far as they are on the board. */
function earlierOf(records: Records, run: RunRecordReader): Earlier[] {
  const earlier: Earlier[] = []
  const seen = new Set([run.id])
  for (let at = run; earlier.length < MOST_EARLIER; ) {
    const from = resumedFromOf(at.id, at.content['info.json'])
    const before = from && records.run(from.id)
    if (!from || !before || seen.has(before.id)) break
    seen.add(before.id)
    earlier.push({ metrics: records.withMetrics(before).metrics(), epoch: from.epoch, step: from.step })
    at = before
  }
  return earlier
}

function windowOf(c: Context): SeriesWindow {
  const number = (name: string): number | undefined => {
    const value = Number(c.req.query(name) || Number.NaN)
    return Number.isFinite(value) ? value : undefined
  }
  return {
    unit: c.req.query('unit') === 'batch' ? 'batch' : 'epoch',
    smooth: Math.min(0.999, Math.max(0, number('smooth') ?? 0)),
    x: c.req.query('x') === 'time' ? 'time' : 'step',
    width: Math.min(WIDEST, Math.max(16, Math.round(number('width') ?? 800))),
    from: number('from'),
    to: number('to'),
  }
}
