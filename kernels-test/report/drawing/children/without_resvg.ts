/* Draws as on a platform without a native build of resvg: the import throws, as its loader does there. */
import { register } from 'node:module'
import { draw } from '../../../../src/report/drawing/drawing.ts'

const hook = `export async function resolve(name, context, next) {
  if (name === '@resvg/resvg-js') throw new Error('no native part for this platform')
  return next(name, context)
}`
register(`data:text/javascript,${encodeURIComponent(hook)}`)

const { svg, png, reason } = await draw({
  curves: { title: '', metrics: new Map(), terms: [], structures: [], planned: 1, monitor: 'total_loss' },
})
process.stdout.write(JSON.stringify({ svg: svg.slice(0, 10), png: png !== undefined, reason }))
