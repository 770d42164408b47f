import { join } from 'node:path'
import { Hdf5File } from '../../src/data/hdf5/file.ts'

/** All rows of a dataset in an HDF5 file of results. */
export async function rowsOf(output: string, file: string, dataset: string): Promise<Float32Array> {
  const opened = await Hdf5File.open(join(output, file))
  try {
    const found = opened.dataset(dataset)
    return Float32Array.from(opened.read(found, 0, found.shape[0]!))
  } finally {
    opened.close()
  }
}
