import { Hdf5File, type Hdf5Member } from '../hdf5/file.ts'

/** What is in an HDF5 file. */
export interface Hdf5Inspection {
  path: string
  bytes: number
  datasets: Hdf5Member[]
  /** numeric attributes of the root */
  attributes: Record<string, number[]>
  /** number of datasets and attributes beyond the first thousand of each, which are not described */
  omitted: number
}

const MOST_DESCRIBED = 1000

/** Throws InputError if the file cannot be opened. */
export async function inspectHdf5(path: string): Promise<Hdf5Inspection> {
  const file = await Hdf5File.open(path)
  try {
    const attributeNames = [...file.attributeNames()]
    const attributes = attributeNames.slice(0, MOST_DESCRIBED).flatMap((name): [string, number[]][] => {
      const values = file.attribute(name)
      return values ? [[name, values]] : []
    })
    const names = file.memberNames()
    const datasets = names.slice(0, MOST_DESCRIBED).map(name => file.member(name))
    const omitted = [names, attributeNames].reduce((sum, all) => sum + Math.max(0, all.length - MOST_DESCRIBED), 0)
    return { path, bytes: file.bytes, datasets, attributes: Object.fromEntries(attributes), omitted }
  } finally {
    file.close()
  }
}
