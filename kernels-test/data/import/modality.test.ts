import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { importScans } from '../../../src/data/import/import.ts'
import { modalitiesOf, modalityOf } from '../../../src/data/import/modality.ts'
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
const other = writeSeries(join(root, 'other'), { changes: () => ({ [MODALITY]: ['CS', 'PT'] }) })

test('a DICOM series states its modality, and so do the file names of TotalSegmentator; other files state none', () => {
  const broken = join(root, 'broken')
  mkdirSync(broken)
  writeFileSync(join(broken, 'slice'), Buffer.concat([Buffer.alloc(128), Buffer.from('DICM')]))
  expect([ct, mr, other, broken, headImage, join(root, 'none.nii')].map(modalityOf)).toEqual([
    'CT',
    'MRI',
    ...Array(4).fill(undefined),
  ])
  expect(['s1/ct.nii.gz', 's1/mri.nii', 's1/act.nii.gz'].map(modalityOf)).toEqual(['CT', 'MRI', undefined])
})

test('channels have a name if all scans state the same', () => {
  expect(modalitiesOf([{ images: [ct] }, { images: ['a/ct.nii.gz'] }])).toEqual(['CT'])
  expect(modalitiesOf([{ images: [ct, mr] }])).toEqual(['CT', 'MRI'])
  expect(modalitiesOf([{ images: [ct] }, { images: [mr] }])).toBeUndefined()
  expect(modalitiesOf([{ images: [ct] }, { images: [headImage] }])).toBeUndefined()
  expect(modalitiesOf([{ images: [other] }])).toBeUndefined()
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
