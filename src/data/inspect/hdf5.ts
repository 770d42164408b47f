import { statSync } from 'node:fs'
import { Hdf5File, type Hdf5Member } from '../hdf5/file.ts'

/** What is in an HDF5 file. */
export interface Hdf5Inspection {
  path: string
  bytes: number
  datasets: Hdf5Member[]
  /** numeric attributes of the root */
  attributes: Record<string, number[]>
}

/** Throws InputError if the file cannot be opened. */
export async function inspectHdf5(path: string): Promise<Hdf5Inspection> {
  const file = await Hdf5File.open(path)
  try {
    const attributes = file.attributeNames().flatMap((name): [string, number[]][] => {
      const values = file.attribute(name)
      return values ? [[name, values]] : []
    })
    const { size: bytes } = statSync(path)
    return { path, bytes, datasets: file.members(), attributes: Object.fromEntries(attributes) }
  } finally {
    file.close()
  }
}
