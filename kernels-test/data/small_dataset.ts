import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { Hdf5Writer } from '../../src/data/hdf5/writer.ts'

export interface SmallSplit {
  samples: number
  structures: number
  imageSize: [number, number, number]
  channels?: number
  /** which sample stands at a place, where several shall be the same; else each its own */
  sampleAt?: (place: number) => number
  /** which structure stands at a place; else each its own */
  structureAt?: (place: number) => number
  /** label of structure s of sample n; `presenceOf` unless given */
  presence?: (n: number, s: number) => number
  /** voxel v of sample n; `intensity` unless given */
  intensityOf?: (n: number, v: number) => number
  /** millimetres between voxels, of every sample; then samples are of subjects too */
  spacing?: [number, number, number]
}

/** Voxel v (over C, H, W, D) of sample n. */
export function intensity(n: number, v: number): number {
  return (n * 31 + v * 7) % 251
}

/** Voxel v (over S, H, W, D) of sample n. */
export function isMasked(n: number, v: number): boolean {
  return (n * 5 + v * 3 + Math.floor(v / 77)) % 4 === 0
}

/** Structure s of sample n: 1, 0 or −1. */
export function presenceOf(n: number, s: number): number {
  return ((n + s) % 3) - 1
}

const temporary: string[] = []
// once for all of the file: within a test or a hook, afterAll would not be heard
afterAll(() => {
  for (const directory of temporary) rmSync(directory, { recursive: true, force: true })
})

/** A directory that is removed after the test file, wherever in it this is called. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sadaan-data-'))
  temporary.push(directory)
  return directory
}

export async function writeSplit(
  path: string,
  {
    samples,
    structures,
    imageSize,
    channels,
    sampleAt = place => place,
    structureAt = place => place,
    presence = presenceOf,
    intensityOf = intensity,
    spacing,
  }: SmallSplit,
): Promise<void> {
  const voxels = imageSize[0] * imageSize[1] * imageSize[2]
  const imageShape = channels === undefined ? imageSize : [channels, ...imageSize]
  const writer = await Hdf5Writer.create(path, [
    { name: 'images', kind: 'float32', rowShape: imageShape },
    { name: 'masks', kind: 'bool', rowShape: [structures, ...imageSize] },
    { name: 'presence_labels', kind: 'int64', rowShape: [structures] },
    ...(spacing ? [{ name: 'voxel_spacing', kind: 'float32' as const, rowShape: [3] }] : []),
  ])
  for (const n of Array.from({ length: samples }, (_, place) => sampleAt(place))) {
    writer.append(
      'images',
      Float32Array.from({ length: (channels ?? 1) * voxels }, (_, v) => intensityOf(n, v)),
    )
    writer.append(
      'masks',
      Uint8Array.from({ length: structures * voxels }, (_, v) => {
        const place = Math.floor(v / voxels)
        return Number(isMasked(n, structureAt(place) * voxels + (v - place * voxels)))
      }),
    )
    writer.append(
      'presence_labels',
      BigInt64Array.from({ length: structures }, (_, s) => BigInt(presence(n, structureAt(s)))),
    )
    if (spacing) writer.append('voxel_spacing', Float32Array.from(spacing))
  }
  writer.writeStrings(
    'scenarios',
    Array.from({ length: samples }, (_, n) => `scenario ${n}`),
  )
  if (spacing)
    writer.writeStrings(
      'subjects',
      Array.from({ length: samples }, (_, n) => `subject ${n}`),
    )
  await writer.finish()
}

/** A dataset directory with these train and val splits. */
export async function writeDataset(directory: string, train: SmallSplit, val: SmallSplit = train): Promise<void> {
  await writeSplit(join(directory, 'train.h5'), train)
  await writeSplit(join(directory, 'val.h5'), val)
  const structureNames = Array.from({ length: train.structures }, (_, s) => `structure_${s}`)
  writeMetadata(directory, { structure_names: structureNames, image_size: train.imageSize })
}

export function writeMetadata(directory: string, metadata: unknown): void {
  writeFileSync(join(directory, 'metadata.json'), JSON.stringify(metadata))
}
