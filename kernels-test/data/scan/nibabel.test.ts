// full: compares with nibabel
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { importScans } from '../../../src/data/import/import.ts'
import { readNifti } from '../../../src/data/scan/nifti/read.ts'
import { writeNifti } from '../../../src/data/scan/nifti/writer.ts'
import { orientationOf } from '../../../src/data/scan/orientation.ts'
import { datasetOf, optionsFor } from '../import/input.ts'
import { temporaryDirectory } from '../small_dataset.ts'

const python = process.env.SADAAN_PYTHON
const folder = temporaryDirectory()

/** Writes volumes of every kind, and what nibabel says of them: affine, axis codes, voxel sizes, some values. */
const WRITE = `
import json, sys, numpy as np, nibabel as nib
folder = sys.argv[1]
rng = np.random.default_rng(5)
def turned(spacing, degrees):
    a = np.deg2rad(degrees)
    z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    x = np.array([[1, 0, 0], [0, np.cos(a / 2), -np.sin(a / 2)], [0, np.sin(a / 2), np.cos(a / 2)]])
    m = np.eye(4)
    m[:3, :3] = z @ x @ np.array([[0, -1, 0], [0, 0, 1], [1, 0, 0]]) @ np.diag(spacing)
    m[:3, 3] = [-31.5, 12.25, 7.125]
    return m
def big(cls, data, affine):
    header = cls.header_class(endianness='>')
    header.set_data_dtype(data.dtype)
    return cls(data, affine, header)
ints = rng.integers(-1000, 1000, (16, 17, 18)).astype(np.int16)
oblique = turned([0.7, 1.5, 3.1], 20)
images = {
    'oblique': nib.Nifti1Image(ints, oblique),
    'big': big(nib.Nifti1Image, ints, oblique),
    'nifti2': nib.Nifti2Image(ints, oblique),
    'big2': big(nib.Nifti2Image, ints.astype(np.float64), turned([2, 2, 2], -35)),
    'four': nib.Nifti1Image(rng.random((16, 17, 18, 3)).astype(np.float32), oblique),
}
scaled = nib.Nifti1Image(rng.normal(0, 100, (16, 17, 18)), oblique)
scaled.set_data_dtype(np.int16)
images['scaled'] = scaled
qform = nib.Nifti1Image(ints, oblique)
qform.set_sform(None, 0)
qform.set_qform(oblique, 1)
images['qform'] = qform
said = {}
for name, image in images.items():
    path = f'{folder}/{name}.nii.gz'
    nib.save(image, path)
    back = nib.load(path)
    data = np.asanyarray(back.dataobj, dtype=np.float64).reshape(16, 17, 18, -1)
    said[name] = {
        'affine': back.affine[:3].tolist(),
        'code': ''.join(nib.aff2axcodes(back.affine)),
        'zooms': [float(z) for z in back.header.get_zooms()[:3]],
        'values': data.transpose(3, 0, 1, 2).ravel().tolist()[::501],
    }
print(json.dumps(said))
`

/** Holds written labels against the volume whose grid they are on, and against what they shall be: voxel (i, j, k) is (17·i + 5·j + k) mod 7. */
const CHECK = `
import json, sys, numpy as np, nibabel as nib
folder = sys.argv[1]
found = {}
for name in sys.argv[2:]:
    image, labels = nib.load(f'{folder}/{name}.nii.gz'), nib.load(f'{folder}/{name}_labels.nii.gz')
    i, j, k = np.indices(labels.shape)
    found[name] = {
        'apart': float(np.abs(image.affine - labels.affine).max()),
        'code': nib.aff2axcodes(image.affine) == nib.aff2axcodes(labels.affine),
        'zooms': float(np.abs(np.array(image.header.get_zooms()[:3]) - labels.header.get_zooms()).max()),
        'units': image.header.get_xyzt_units()[0] == labels.header.get_xyzt_units()[0],
        'codes': [int(image.header[c]) == int(labels.header[c]) for c in ('sform_code', 'qform_code')],
        'same': bool(np.array_equal(np.asanyarray(labels.dataobj), (17 * i + 5 * j + k) % 7)),
        'type': str(labels.get_data_dtype()),
    }
print(json.dumps(found))
`

interface Said {
  affine: number[][]
  code: string
  zooms: number[]
  values: number[]
}

function ask<T>(script: string, ...words: string[]): T {
  const { status, stdout, stderr } = spawnSync(python!, ['-c', script, ...words], { encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout) as T
}

let written: Record<string, Said> | undefined

/** What nibabel says of the files that it writes here once. */
function nibabelSays(): Record<string, Said> {
  written ??= ask<Record<string, Said>>(WRITE, folder)
  return written
}

test('nibabel and we agree on values and geometry: oblique, big-endian, scaled, NIfTI-2, four axes; and it reads what we write', ctx => {
  if (!python) return ctx.skip('SADAAN_PYTHON names no python with nibabel')
  const said = nibabelSays()
  const names = Object.keys(said)
  for (const [name, { affine, code, values }] of Object.entries(said)) {
    const image = readNifti(join(folder, `${name}.nii.gz`))
    for (const [r, row] of affine.entries())
      for (const [c, value] of row.entries()) expect(image.affine[r]![c], `${name} ${r},${c}`).toBeCloseTo(value, 4)
    expect(orientationOf(image.affine).code, name).toBe(code)
    const ours = Array.from(image.values).filter((_, v) => v % 501 === 0)
    expect(ours.length, name).toBe(values.length)
    for (const [i, value] of values.entries()) expect(ours[i], `${name} ${i}`).toBeCloseTo(value, 3)
    const labels = Uint8Array.from({ length: 16 * 17 * 18 }, (_, v) => {
      const [i, j, k] = [Math.floor(v / (17 * 18)), Math.floor(v / 18) % 17, v % 18]
      return (17 * i + 5 * j + k) % 7
    })
    writeNifti(join(folder, `${name}_labels.nii.gz`), labels, image)
  }
  const found = ask<Record<string, Record<string, unknown>>>(CHECK, folder, ...names)
  for (const name of names) {
    expect(found[name], name).toMatchObject({ code: true, units: true, codes: [true, true], same: true, type: 'uint8' })
    expect(found[name]!.apart as number, name).toBeLessThan(1e-4)
    expect(found[name]!.zooms as number, name).toBeLessThan(1e-6)
  }
})

test('import records the geometry that nibabel states', async ctx => {
  if (!python) return ctx.skip('SADAAN_PYTHON names no python with nibabel')
  const said = nibabelSays()
  for (const name of ['big2', 'qform']) {
    const labels = join(folder, name)
    mkdirSync(labels)
    const image = readNifti(join(folder, `${name}.nii.gz`))
    const inside = Uint8Array.from(image.values, value => Number(value > 0))
    writeNifti(join(labels, 'a.nii.gz'), inside, image)
    const options = optionsFor(
      join(folder, name, 'out'),
      { images: join(folder, `${name}.nii.gz`), labels: join(labels, 'a.nii.gz') },
      { spacing: [2, 2, 2] },
    )
    await importScans(options)
    const { orientation, voxel_size_mm } = datasetOf(options).dataset_info.subjects[0]
    const { code, zooms } = said[name]!
    expect(orientation).toBe(code)
    const along = 'RAS'.split('').map((letter, world) => [...code].findIndex(c => c === letter || c === 'LPI'[world]))
    for (const [world, axis] of along.entries()) expect(voxel_size_mm[world]).toBeCloseTo(zooms[axis]!, 4)
  }
})
