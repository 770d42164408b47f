import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { importScans } from '../../../src/data/import/import.ts'
import { channelsByModality, modalityOf } from '../../../src/data/import/modality.ts'
import { percentilesOf } from '../../../src/data/scan/intensity.ts'
import { writeNifti } from '../../../src/data/scan/nifti/writer.ts'
import { readScan } from '../../../src/data/scan/read_scan.ts'
import { writeSeries } from '../scan/dicom/slices.ts'
import { temporaryDirectory } from '../small_dataset.ts'
import { datasetOf, headImage, optionsFor } from './input.ts'

const root = temporaryDirectory()
const MODALITY = 0x00080060
const ct = writeSeries(join(root, 'images', 's1'))
const mr = writeSeries(join(root, 'mr'), { changes: () => ({ [MODALITY]: ['CS', 'MR'] }) })
const pet = writeSeries(join(root, 'pet'), { changes: () => ({ [MODALITY]: ['CS', 'PT'] }) })

test('a DICOM series states its modality, and so do file names as TotalSegmentator has them; other files state none', () => {
  const broken = join(root, 'broken')
  mkdirSync(broken)
  writeFileSync(join(broken, 'slice'), Buffer.concat([Buffer.alloc(128), Buffer.from('DICM')]))
  const namesOf = (images: string[]) => images.map(image => modalityOf(image)?.name)
  expect(namesOf([ct, mr, pet])).toEqual(['CT', 'MR', 'PET'])
  expect(namesOf([broken, headImage, join(root, 'none.nii')])).toEqual(Array(3).fill(undefined))
  expect(namesOf(['s1/ct.nii.gz', 's1/mri.nii', 't1w.nii', 'FLAIR_x.nii'])).toEqual(['CT', 'MR', 'MR', 'MR'])
  expect(namesOf(['s1/act.nii.gz', 'T100.nii', 'pd2.nii', 'mrs.nii'])).toEqual(Array(4).fill(undefined))
})

test('channels have a name if all scans state the same', () => {
  expect(channelsByModality([{ images: [ct] }, { images: ['a/ct.nii.gz'] }], 1)).toEqual(['CT'])
  expect(channelsByModality([{ images: [ct, mr] }], 2)).toEqual(['CT', 'MRI'])
  expect(channelsByModality([{ images: [ct] }, { images: [mr] }], 1)).toBeUndefined()
  expect(channelsByModality([{ images: [ct] }, { images: [headImage] }], 1)).toBeUndefined()
  expect(channelsByModality([{ images: ['a/mri.nii.gz'] }], 3)).toBeUndefined()
})

test('the DICOM header is believed before the name of the channel, that before the file name, and all before the values', () => {
  expect(modalityOf(mr, { channelName: 'CT', least: -1000 })).toEqual({ name: 'MR', from: 'DICOM' })
  expect(modalityOf('mri.nii', { channelName: 'HU' })).toEqual({ name: 'CT', from: 'dataset.json' })
  expect(modalityOf('mri.nii', { channelName: 'signal', least: -1000 })).toEqual({ name: 'MR', from: 'the file name' })
  expect(modalityOf('s1.nii', { least: -1024 })).toEqual({ name: 'CT', from: 'the Hounsfield units of air' })
  expect(modalityOf('s1.nii', { least: -1e9 })).toBeUndefined()
})

test('a CT series is imported with a window of what is labelled', async () => {
  const scan = readScan(ct)
  mkdirSync(join(root, 'labels'))
  const labelled = Uint8Array.from(scan.values as ArrayLike<number>, value => Number(value >= 0 && value <= 100))
  writeNifti(join(root, 'labels', 's1.nii.gz'), labelled, scan)
  const source = { images: join(root, 'images'), labels: join(root, 'labels') }
  const options = optionsFor(join(root, 'out'), source, { imageSize: [16, 16, 16] })
  const { channelNames, preparation } = await importScans(options)
  expect(channelNames).toEqual(['CT'])
  const inside = [...scan.values].filter(value => value >= 0 && value <= 100)
  const window = percentilesOf(Float64Array.from(inside), [0.5, 99.5]).map(Math.round)
  expect(preparation.intensity).toEqual([{ kind: 'window', low: window[0], high: window[1] }])
  expect(datasetOf(options).channel_names).toEqual(['CT'])
})
