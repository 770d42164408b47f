import { type Context, Hono } from 'hono'
import { compress } from 'hono/compress'
import { HTTPException } from 'hono/http-exception'
import type { Records } from './records/records.ts'
import { KnownPlaces } from './results/known_places.ts'
import type { ResultsFolder } from './results/results_folder.ts'
import { CaseVolumes } from './results/volumes.ts'
import { sendFile } from './send_file.ts'
import type { CasePage, CaseRow, Layer } from './wire/results.ts'

const LAYERS: readonly Layer[] = ['scan', 'truth', 'prediction', 'attention']

/** The answers about folders of results: their cases, and the volumes of a case. */
export function makeResultsApi(records: Records): Hono {
  const api = new Hono()
  const places = new KnownPlaces(records.folders)
  const resultsOf = (c: Context): ResultsFolder => {
    records.refresh()
    const results = records.resultsAt(c.req.query('id') ?? '')
    if (!results) throw new HTTPException(404, { message: 'There are no such results.' })
    return results
  }
  const caseOf = (c: Context, results: ResultsFolder): CaseRow => {
    const row = results.caseAt(Number(c.req.query('case') || Number.NaN))
    if (!row) throw new HTTPException(404, { message: 'There is no such case.' })
    return row
  }
  api.get('/results', compress(), c => c.json(resultsOf(c).page))
  api.get('/results/file', c => sendFile(c, resultsOf(c).path, [c.req.query('name') ?? '']))
  api.get('/case', async c => {
    const results = resultsOf(c)
    const row = caseOf(c, results)
    const found = await new CaseVolumes(results, row, places).available()
    const { structures } = results.tables
    return c.json({ row, structures, threshold: results.threshold, ...found } satisfies CasePage)
  })
  api.get('/volume', async c => {
    const results = resultsOf(c)
    const layer = LAYERS.find(each => each === c.req.query('layer'))
    if (!layer) throw new HTTPException(400, { res: c.text(`The layers are ${LAYERS.join(', ')}.`, 400) })
    const volumes = new CaseVolumes(results, caseOf(c, results), places)
    const bytes = await volumes.bytes(layer, Number(c.req.query('structure') ?? 0))
    return c.body(new Uint8Array(bytes), 200, { 'Content-Type': 'application/octet-stream' })
  })
  return api
}
