import { ourJson } from '../../bench/processes.ts'

export const adapter = process.env.SADAAN_ADAPTER
/** Words of a training that takes hardly any time but for its start. */
export const TINY = [
  'with',
  'training.image_size=[32,32,16]',
  'training.batch_size=1',
  'model.num_structures=2',
  'model.channels=[2,4,4,8,8]',
  ...(adapter === undefined ? [] : [`compute.adapter='${adapter}'`]),
]

/** What a benchmark prints with --json, run from its sources as `npm run bench` does. */
export function bench<Report>(...words: string[]): Promise<Report> {
  return ourJson<Report>('cli/main.ts', ['bench', ...words])
}
