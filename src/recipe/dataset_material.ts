import { openDataset } from '../data/dataset/dataset.ts'
import type { Split } from '../data/dataset/split.ts'
import { imagesOf, masksOf } from '../data/dataset/volumes.ts'
import { Hdf5File } from '../data/hdf5/file.ts'
import { modalityNamed } from '../data/import/modality.ts'
import { InputError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'
import { fingerprintOf, type MeasuredChannel } from './fingerprint.ts'
import { IntensitySample } from './intensities.ts'
import { evenly, type Material } from './material.ts'
import type { MeasuredScan } from './measured_scan.ts'
import { addShapes, emptyShape } from './structure_shape.ts'

/** Samples whose volumes are read. */
const VOLUMES_READ = 100

/** An existing dataset to plan a run for. Throws InputError as `openDataset` does, and if no training sample has a structure. */
export async function datasetMaterial(path: string, onRead?: (done: number, all: number) => void): Promise<Material> {
  const dataset = await openDataset(path)
  const { structureNames, channels, imageSize, patches } = dataset
  const train = dataset.splits.train!
  if (!train.presence.includes(1))
    throw new InputError(`${train.path}: no structure is present in any sample, so there is nothing to learn`)
  const { scans, samples, read } = await measure(train, onRead)
  const unit = train.spacing ? 'mm' : 'voxel'
  const measuredChannels = samples.map((ofChannel, c): MeasuredChannel => {
    const name = dataset.channelNames?.[c] ?? null
    const modality = name === null ? undefined : modalityNamed(name)
    return { name, samples: ofChannel, modalities: [modality && { name: modality, from: 'metadata.json' }] }
  })
  const fingerprint = fingerprintOf({
    ...{ source: 'dataset', unit, structureNames, scans, imagesRead: read },
    channels: measuredChannels,
  })
  const { samples: validation, presence } = dataset.splits.val!
  return {
    ...{ fingerprint, structureNames, channels },
    stored: { size: imageSize, patches },
    hasValidStructures: presence.includes(1),
    warnings:
      unit === 'mm'
        ? []
        : [`${train.path}: states no voxel_spacing, so lengths and volumes are in voxels of the samples`],
    count: () => ({ training: train.samples, validation }),
    withDataset: (_form, _samples, use) => use(dataset),
  }
}

interface MeasuredSplit {
  scans: MeasuredScan[]
  /** by channel */
  samples: IntensitySample[][]
  read: number
}

/** Labels of all samples; volumes of some. */
async function measure(split: Split, onRead?: (done: number, all: number) => void): Promise<MeasuredSplit> {
  const { imageSize, channels, structures, spacing, subjects } = split
  const all = [...Array(split.samples).keys()]
  const scans = all.map(
    (n): MeasuredScan => ({
      subject: subjects[n] || String(n),
      orientation: undefined,
      size: imageSize,
      spacing: spacing ? [spacing[3 * n]!, spacing[3 * n + 1]!, spacing[3 * n + 2]!] : [1, 1, 1],
      shapes: Array.from({ length: structures }, () => undefined),
      presence: [...split.presence.subarray(n * structures, (n + 1) * structures)],
    }),
  )
  const measured = evenly(all, VOLUMES_READ)
  const withImages = new Set(evenly(measured))
  const samples: IntensitySample[][] = Array.from({ length: channels }, () => [])
  const file = await Hdf5File.open(split.path)
  try {
    const images = imagesOf(file)
    const masks = masksOf(file, images)
    const voxels = sizeOf(imageSize)
    for (const [i, n] of measured.entries()) {
      const values = file.read(masks, n, 1)
      const labelled = new Uint8Array(voxels)
      const shapes = Array.from({ length: structures }, emptyShape)
      for (let s = 0; s < structures; s++)
        addShapes(values.subarray(s * voxels, (s + 1) * voxels), imageSize, new Map([[1, [s]]]), shapes, labelled)
      scans[n] = { ...scans[n]!, shapes: shapes.map(shape => (shape.voxels > 0 ? shape : undefined)) }
      if (withImages.has(n)) {
        const image = file.read(images.dataset, n, 1)
        for (let c = 0; c < channels; c++)
          samples[c]!.push(IntensitySample.of(image.subarray(c * voxels, (c + 1) * voxels), labelled))
      }
      onRead?.(i + 1, measured.length)
      await new Promise(resolve => setImmediate(resolve)) // lets signals through
    }
  } finally {
    file.close()
  }
  return { scans, samples, read: withImages.size }
}
