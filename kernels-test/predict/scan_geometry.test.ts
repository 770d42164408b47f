import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { defaultConfig } from '../../src/config/schema.ts'
import { predict } from '../../src/predict/predict.ts'
import { type NiftiFields, niftiBytes, RAS } from '../data/scan/nifti_bytes.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { onOneDevice } from '../one_device.ts'
import { writeSmallModel } from './small_model.ts'

const folder = temporaryDirectory()
const fields: NiftiFields = {
  dims: [16, 16, 16],
  type: 2,
  values: Uint8Array.from({ length: 4096 }, (_, v) => (v * 7) % 200),
  units: 2,
  sform: RAS,
}
const shift = Math.tan((20 * Math.PI) / 180)

test('volumes are of the determinant in millimetres, and what headers leave in doubt is said once for all scans', async () => {
  const scans = join(folder, 'scans')
  mkdirSync(scans)
  const sheared = [RAS[0]!, [0, 1, shift, 0], RAS[2]!]
  const thousand = RAS.map(row => row.map(value => 1000 * value))
  const { sform: _, ...bare } = fields
  const written: Record<string, NiftiFields> = {
    micron: { ...fields, units: 3, sform: thousand, pixdim: [1000, 1000, 1000] },
    tilted: { ...fields, sform: sheared, pixdim: [1, 1, Math.hypot(1, shift)] },
    x: bare,
    y: bare,
  }
  for (const [name, each] of Object.entries(written)) writeFileSync(join(scans, `${name}.nii`), niftiBytes(each))
  const weights = join(folder, 'model.pth')
  writeSmallModel(weights, ['one', 'other'], { size: [16, 16, 16], inChannels: 1 })
  const config = defaultConfig()
  config.compute.adapter = process.env.SADAAN_ADAPTER ?? null
  config.training.batch_size = 1
  const lines: string[] = []
  const { found } = await onOneDevice(() =>
    predict({
      config,
      presenceThreshold: 0,
      weights,
      input: scans,
      split: 'test',
      output: join(folder, 'out'),
      raw: false,
      say: line => lines.push(line),
      progress: () => undefined,
    }),
  )
  for (const { structures } of found)
    for (const { volume_ml, mask_voxels } of Object.values(structures))
      expect(volume_ml).toBeCloseTo(mask_voxels / 1000, 9)
  expect(Object.values(found[0]!.structures).some(({ mask_voxels }) => mask_voxels > 0)).toBe(true)
  expect(lines.filter(line => line.includes('orientation'))).toEqual([
    expect.stringMatching(/^warning: 2 files \(x\.nii, y\.nii\), each: states no orientation/),
  ])
})
