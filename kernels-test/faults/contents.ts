import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Hdf5File } from '../../src/data/hdf5/file.ts'
import { RESULTS_LIST } from '../../src/util/files/result_folder.ts'
import { digestOf } from './digest.ts'

/**
 * What the files under a folder hold, as digests by path. HDF5 files are decoded, because they hold times; in text the path of
 * the folder around it does not count. The list of results is left out: it has digests of all that.
 */
export async function contentsOf(
  folder: string,
  choice: (name: string) => boolean = () => true,
): Promise<Record<string, string>> {
  if (!existsSync(folder)) return {}
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => basename(name) !== RESULTS_LIST && choice(name) && statSync(join(folder, name)).isFile())
    .sort()
  const found: Record<string, string> = {}
  for (const name of names) {
    const path = join(folder, name)
    found[name] = name.endsWith('.h5') ? await digestOfHdf5(path) : digestOf([withoutPath(path, folder)])
  }
  return found
}

function withoutPath(path: string, folder: string): Buffer {
  const bytes = readFileSync(path)
  return /\.(json|txt|csv|html|jsonl)$/.test(path)
    ? Buffer.from(bytes.toString().replaceAll(dirname(folder), ''))
    : bytes
}

async function digestOfHdf5(path: string): Promise<string> {
  const file = await Hdf5File.open(path)
  try {
    return digestOf(
      file
        .memberNames()
        .sort()
        .map(name => {
          const dataset = file.dataset(name)
          const values =
            dataset.kind === 'string' ? file.readStrings(dataset) : [...file.read(dataset, 0, dataset.shape[0]!)]
          return Buffer.from(`${name} ${dataset.shape} ${values}`)
        }),
    )
  } finally {
    file.close()
  }
}
