import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Frame } from '../../src/data/scan/frame.ts'
import { writeNifti } from '../../src/data/scan/nifti/writer.ts'
import type { Preparation } from '../../src/data/scan/preparation.ts'
import { scanGroups } from '../../src/data/scan/scan_groups.ts'
import { scanSubjects } from '../../src/predict/scan_subjects.ts'
import type { SubjectPlace } from '../../src/predict/subjects.ts'
import { InputError } from '../../src/util/error.ts'
import { FileBytes } from '../../src/util/files/file_bytes.ts'
import { makeFolder } from '../../src/util/files/folder.ts'
import { withInput } from '../../src/util/files/input_file.ts'
import { sizeOf } from '../../src/util/shape.ts'
import { writeWhole, writing } from '../../src/util/whole_file.ts'

/**
 * Prepares the scans of a folder as `import` does and writes their volumes, (N, C, H, W, D) float32 of this machine's byte order, for a
 * program that reads nothing else. Returns where each belongs.
 */
export function writeVolumes(images: string, preparation: Preparation, path: string): SubjectPlace[] {
  const { intensity, image_size: size } = preparation
  const groups = scanGroups([images], intensity.length)
  const model = { path: 'the dataset', channels: intensity.length, size, isSlidOver: false }
  const subjects = scanSubjects(groups, model, { preparation, trainingScans: undefined, say: () => undefined })
  writeWhole(path, [])
  return groups.map((_, index) => {
    const { volume, ...place } = subjects.read(index)
    writing(path, () => appendFileSync(path, new Uint8Array(volume.buffer, volume.byteOffset, volume.byteLength)))
    return place
  })
}

/**
 * Brings probabilities of the background and of each structure, (N, 1 + S, H, W, D) float32 on the dataset's grid, to the grid of each scan,
 * trilinear, and writes the most probable of them there as NAME.nii.gz. `values` are the label values of the structures.
 */
export function placeProbabilities(
  places: readonly SubjectPlace[],
  path: string,
  values: readonly number[],
  output: string,
): void {
  makeFolder(output, 'a folder for the predictions')
  withInput(path, file => {
    const bytes = new FileBytes(file)
    for (const { name, frame, grid } of places) {
      const classes = Array.from({ length: 1 + values.length }, () => {
        const volume = new Float32Array(sizeOf(frame.size))
        const wanted = new Uint8Array(volume.buffer)
        if (bytes.read(wanted) < wanted.length) throw new InputError(`${path}: ends before the volumes of ${name}`)
        return volume
      })
      writeNifti(join(output, `${name}.nii.gz`), mostProbable(classes, frame, values), grid)
    }
  })
}

/** Label values on the scan's grid (I, J, K); outside the dataset's grid all probabilities are 0 and it is background. */
function mostProbable(classes: readonly Float32Array[], frame: Frame, values: readonly number[]): Uint8Array {
  const [background, ...structures] = classes.map(volume => frame.imageToScan(volume))
  const best = background!
  const labels = new Uint8Array(best.length)
  for (const [s, probabilities] of structures.entries())
    for (let v = 0; v < labels.length; v++)
      if (probabilities[v]! > best[v]!) {
        best[v] = probabilities[v]!
        labels[v] = values[s]!
      }
  return labels
}
