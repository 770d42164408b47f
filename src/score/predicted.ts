import { join } from 'node:path'
import { z } from 'zod'
import type { LabelFiles } from '../data/import/pairs.ts'
import { InputError } from '../util/error.ts'
import { fileNames } from '../util/files/file_names.ts'
import { factsOf, isFolder } from '../util/files/lookup.ts'
import { parseJson } from '../util/json.ts'
import { readText } from '../util/whole_file.ts'

/** The prediction of one scan. */
export interface Predicted {
  files: LabelFiles
  /** by structure, if the model says so itself; otherwise a structure is predicted present if its mask has a voxel */
  presence?: ReadonlyMap<string, PredictedPresence>
}

export interface PredictedPresence {
  probability: number
  isPresent: boolean
}

const TABLE = 'presence.json'

const schema = z.looseObject({
  structure_names: z.array(z.string()),
  samples: z.array(
    z.looseObject({
      sample: z.int().min(0),
      scan: z.string(),
      structures: z.record(z.string(), z.looseObject({ presence_probability: z.number(), present: z.boolean() })),
    }),
  ),
  failed: z.array(z.looseObject({ sample: z.int().min(0), scan: z.string() })),
})

/** Whether `predict` wrote the folder. */
export function isOwnPrediction(folder: string): boolean {
  return factsOf(join(folder, TABLE)) !== undefined
}

/** A scan of a prediction; its masks are looked for only when it is opened. */
export interface OwnPrediction {
  /** index in the input */
  sample: number
  scan: string
  open(): Predicted
}

/** The scans that `predict` wrote to a folder, by their order in the input. Throws InputError if it predicted a dataset, whose masks are not in the space of a scan. */
export function ownPredictions(folder: string): OwnPrediction[] {
  const path = join(folder, TABLE)
  const { structure_names, samples, failed } = parseJson(readText(path), path, schema)
  const all = [...samples, ...failed].sort((a, b) => a.sample - b.sample)
  const folders = all.length === 1 ? [''] : fileNames(all.map(({ scan }) => scan))
  const folderOf = new Map(all.map(({ sample }, i) => [sample, folders[i]!]))
  const files = fileNames(structure_names)
  return samples
    .toSorted((a, b) => a.sample - b.sample)
    .map(({ sample, scan, structures }) => {
      const masks = join(folder, folderOf.get(sample)!, 'masks')
      const open = (): Predicted => {
        if (!isFolder(masks))
          throw new InputError(`${folder}: holds no masks of ${scan || `sample ${sample}`}, expected ${masks}`)
        return {
          files: {
            kind: 'folder',
            path: masks,
            files: new Map(structure_names.map((name, s) => [name, join(masks, `${files[s]}.nii.gz`)])),
          },
          presence: new Map(
            Object.entries(structures).map(([name, { presence_probability: probability, present }]) => [
              name,
              { probability, isPresent: present },
            ]),
          ),
        }
      }
      return { sample, scan, open }
    })
}
