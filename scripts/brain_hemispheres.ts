// Makes two subjects of one labelled brain: the left half, and the right half mirrored to lie as the left one does. Reads ch2.nii.gz (a T1
// of one head, 1 mm), aal.nii.gz (116 labels on its grid) and aal.nii.txt (their names); writes images, labels and a manifest for
// `import --manifest`.
// Usage: npx tsx scripts/brain_hemispheres.ts TEMPLATES OUTPUT

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NiftiImage } from '../src/data/scan/nifti/image.ts'
import { readNifti } from '../src/data/scan/nifti/read.ts'
import { writeNifti } from '../src/data/scan/nifti/writer.ts'
import type { ScanGrid } from '../src/data/scan/scan.ts'
import { InputError } from '../src/util/error.ts'
import { makeFolder } from '../src/util/files/folder.ts'

/** The structures of the example, by the beginnings of AAL's names. What nothing here names is background. */
const STRUCTURES: Readonly<Record<string, readonly string[]>> = {
  frontal_lobe: ['Precentral', 'Frontal', 'Rolandic', 'Supp_Motor', 'Olfactory', 'Rectus', 'Paracentral'],
  parietal_lobe: ['Postcentral', 'Parietal', 'SupraMarginal', 'Angular', 'Precuneus'],
  occipital_lobe: ['Calcarine', 'Cuneus', 'Lingual', 'Occipital'],
  temporal_lobe: ['Heschl', 'Temporal', 'Fusiform'],
  medial_temporal: ['Hippocampus', 'ParaHippocampal', 'Amygdala'],
  insula: ['Insula'],
  cingulate: ['Cingulum'],
  deep_grey_matter: ['Caudate', 'Putamen', 'Pallidum', 'Thalamus'],
  cerebellum: ['Cerebelum', 'Vermis'], // AAL's spelling
}

/** What each half is for. */
const SPLITS = { left: 'train', right_mirrored: 'test' } as const
type Side = keyof typeof SPLITS

const [templates, output] = process.argv.slice(2)
if (templates === undefined || output === undefined)
  throw new InputError('usage: npx tsx scripts/brain_hemispheres.ts TEMPLATES OUTPUT')

const image = readNifti(join(templates, 'ch2.nii.gz'))
const regions = readNifti(join(templates, 'aal.nii.gz'))
const structureOf = structureValues(readFileSync(join(templates, 'aal.nii.txt'), 'utf8'))
for (const folder of ['images', 'labels']) makeFolder(join(output, folder), 'a folder for the scans')
for (const side of Object.keys(SPLITS) as Side[]) {
  const name = `${side}.nii.gz`
  const grid = gridOfHalf(image)
  writeNifti(
    join(output, 'images', name),
    halfOf(image, side, value => value),
    grid,
  )
  writeNifti(
    join(output, 'labels', name),
    halfOf(regions, side, region => structureOf.get(region) ?? 0),
    grid,
  )
}
const structures = Object.fromEntries(Object.keys(STRUCTURES).map((name, s) => [name, s + 1]))
const sources = Object.entries(SPLITS).map(([name, split]) => {
  const file = `${name}.nii.gz`
  return { images: join('images', file), labels: join('labels', file), structures, split }
})
writeFileSync(join(output, 'sources.json'), `${JSON.stringify({ sources }, null, 2)}\n`)

/** For each of AAL's labels the value of its structure: its place in STRUCTURES, from 1. */
function structureValues(table: string): Map<number, number> {
  const prefixes = Object.values(STRUCTURES)
  const values = new Map<number, number>()
  for (const [, label, name] of table.matchAll(/^(\d+)\s+(\S+)/gm)) {
    const structure = prefixes.findIndex(list => list.some(prefix => name!.startsWith(prefix)))
    if (structure >= 0) values.set(Number(label), structure + 1)
  }
  return values
}

/** The grid of the voxels left of the middle plane, which a half, mirrored or not, takes. */
function gridOfHalf({ size: [width, height, depth], affine, geometry }: NiftiImage): ScanGrid {
  return { size: [Math.floor(width / 2), height, depth], affine, geometry }
}

/** A half of the head, (I, J, K) of `gridOfHalf`. Axis 0 runs from left to right; the middle plane itself is in no half. */
function halfOf(
  { size: [width, height, depth], values }: NiftiImage,
  side: Side,
  of: (value: number) => number,
): Uint8Array {
  const rows = Math.floor(width / 2)
  const plane = height * depth
  const half = new Uint8Array(rows * plane)
  for (let i = 0; i < rows; i++) {
    const start = (side === 'left' ? i : width - 1 - i) * plane
    for (let v = 0; v < plane; v++) half[i * plane + v] = of(values[start + v]!)
  }
  return half
}
