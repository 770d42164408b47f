// full: compares with SimpleITK and pynrrd
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeNifti } from '../../../src/data/scan/nifti/writer.ts'
import { readScan } from '../../../src/data/scan/read_scan.ts'
import { sizeOf } from '../../../src/util/shape.ts'
import { temporaryDirectory } from '../small_dataset.ts'

const folder = temporaryDirectory()

/** Writes volumes of every kind, and what SimpleITK says of them: affine to right, anterior, superior, and all values, channel after channel. */
const WRITE = `
import json, sys, numpy as np, nrrd, SimpleITK as sitk
folder = sys.argv[1]
rng = np.random.default_rng(5)
a, b = 0.3, -0.2
turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
tilt = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
oblique = turn @ tilt @ np.array([[0, -1, 0], [0, 0, 1], [1, 0, 0]])
def image(values, vector=False, direction=oblique):
    made = sitk.GetImageFromArray(values, isVector=vector)
    made.SetSpacing((0.7, 1.5, 3.1))
    made.SetOrigin((-31.5, 12.25, 7.125))
    made.SetDirection(direction.ravel().tolist())
    return made
def some(dtype, *shape):
    low, high = (0, 200) if np.dtype(dtype).kind == 'u' else (-100, 100)
    return rng.integers(low, high, shape).astype(dtype)
names = []
def save(made, name, packed=False):
    sitk.WriteImage(made, f'{folder}/{name}', useCompression=packed)
    names.append(name)
for dtype in ('int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'float32', 'float64'):
    for ending in ('mha', 'nrrd'):
        save(image(some(dtype, 6, 5, 4)), f'{dtype}.{ending}')
for ending in ('mha', 'mhd', 'nrrd', 'nhdr'):
    for packed in (False, True):
        save(image(some('int16', 6, 5, 4)), f'{ending}{packed}.{ending}', packed)
        save(image(some('float32', 6, 5, 4, 3), vector=True), f'vector_{ending}{packed}.{ending}', packed)
for ending in ('mha', 'nrrd'):
    save(sitk.JoinSeries([image(some('int16', 6, 5, 4)) for _ in range(3)]), f'series.{ending}')
for ending in ('mha', 'nrrd'):
    save(image(some('int16', 6, 5, 4), direction=np.diag([-1.0, -1.0, 1.0])), f'flipped.{ending}')
def write(name, values, header, **how):
    nrrd.write(f'{folder}/{name}', values, header, index_order='F', **how)
    names.append(name)
directions = (oblique * [0.5, 2, 3]).T
sheared = np.array([[0.5, 0.1, 0], [-0.2, 2, 0], [0, 0, 3]])
origin = np.array([-31.5, 12.25, 7.125])
for space in ('left-posterior-superior', 'right-anterior-superior', 'left-anterior-superior'):
    place = {'space': space, 'space directions': directions, 'space origin': origin}
    for encoding in ('raw', 'gzip'):
        write(f'{space}_{encoding}.nrrd', some('int16', 4, 5, 6), {**place, 'encoding': encoding})
    write(f'{space}_big.nrrd', some('>i2', 4, 5, 6), {**place, 'endian': 'big'})
    write(f'{space}_beside.nhdr', some('float32', 4, 5, 6), place, detached_header=True)
    vectors = np.vstack([np.full((1, 3), np.nan), directions])
    kinds = ['vector', 'domain', 'domain', 'domain']
    write(f'{space}_first.nrrd', some('int16', 2, 4, 5, 6), {**place, 'space directions': vectors, 'kinds': kinds})
write('sheared.nrrd', some('int16', 4, 5, 6), {'space': 'LPS', 'space directions': sheared, 'space origin': origin})
write('spaced.nrrd', some('int16', 4, 5, 6), {'spacings': [0.5, 2.0, 3.0]})
write('scanner.nrrd', some('int16', 4, 5, 6), {'space': 'scanner-xyz', 'space directions': np.diag([0.5, 2.0, 3.0]), 'space origin': origin})
text = open(f'{folder}/mhdFalse.mhd').read().splitlines()
for left_out in ('TransformMatrix', 'ElementSpacing', 'Offset'):
    open(f'{folder}/no{left_out}.mhd', 'w').write(''.join(f'{line}\\n' for line in text if not line.startswith(left_out)))
    names.append(f'no{left_out}.mhd')
said = {}
for name in names:
    image = sitk.ReadImage(f'{folder}/{name}')
    size = image.GetSize()
    volumes = size[3] if len(size) == 4 else 1
    direction = np.array(image.GetDirection()).reshape(len(size), -1)[:3, :3]
    affine = np.column_stack([direction * np.array(image.GetSpacing()[:3]), image.GetOrigin()[:3]])
    affine[:2] *= -1
    channels = image.GetNumberOfComponentsPerPixel()
    values = sitk.GetArrayFromImage(image).reshape(volumes, *size[2::-1], channels)
    said[name] = {
        'size': size[:3],
        'channels': volumes * channels,
        'affine': affine.tolist(),
        'values': values.transpose(0, 4, 3, 2, 1).ravel().astype(float).tolist(),
    }
print(json.dumps(said))
`

/** How far the voxels of a written NIfTI volume lie from those of the volume whose grid it has, in millimetres, by ITK; and whether the labels are right. */
const CHECK = `
import json, sys, numpy as np, SimpleITK as sitk
folder = sys.argv[1]
found = {}
for name in sys.argv[2:]:
    image, labels = sitk.ReadImage(f'{folder}/{name}'), sitk.ReadImage(f'{folder}/{name}.nii.gz')
    corners = np.indices((2, 2, 2)).reshape(3, -1).T * (np.array(labels.GetSize()) - 1)
    corners = [[int(index) for index in corner] for corner in corners]
    place = lambda volume, corner: np.array(volume.TransformIndexToPhysicalPoint(corner))
    k, j, i = np.indices(labels.GetSize()[::-1])
    found[name] = {
        'apart': max(float(np.abs(place(image, corner) - place(labels, corner)).max()) for corner in corners),
        'right': bool(np.array_equal(sitk.GetArrayFromImage(labels), (17 * i + 5 * j + k) % 7)),
    }
print(json.dumps(found))
`

interface Said {
  size: number[]
  channels: number
  affine: number[][]
  values: number[]
}

function ask<T>(python: string, script: string, ...words: string[]): T {
  const { status, stdout, stderr } = spawnSync(python, ['-c', script, ...words], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout) as T
}

test('SimpleITK and we agree on values and geometry of NRRD and MetaImage, those of pynrrd too; and on the NIfTI labels that we write for them', context => {
  const python = process.env.SADAAN_READERS
  if (!python) return context.skip('SADAAN_READERS names no python with SimpleITK and pynrrd')
  const said = ask<Record<string, Said>>(python, WRITE, folder)
  expect(Object.keys(said).length).toBeGreaterThan(50)
  const labelled: string[] = []
  for (const [name, { affine, ...expected }] of Object.entries(said)) {
    const scan = readScan(join(folder, name))
    expect({ size: scan.size, channels: scan.channels, values: Array.from(scan.values, Number) }, name).toEqual(
      expected,
    )
    for (const [r, row] of affine.entries())
      for (const [c, value] of row.entries()) expect(scan.affine[r]![c], `${name} ${r},${c}`).toBeCloseTo(value, 6)
    const [, height, depth] = scan.size
    const labels = Uint8Array.from({ length: sizeOf(scan.size) }, (_, v) => {
      const [i, j, k] = [Math.floor(v / (height * depth)), Math.floor(v / depth) % height, v % depth]
      return (17 * i + 5 * j + k) % 7
    })
    // ITK has no point of three axes in a volume with four, and reads no sheared NIfTI.
    if (['series.mha', 'series.nrrd', 'sheared.nrrd'].includes(name)) continue
    writeNifti(join(folder, `${name}.nii.gz`), labels, scan)
    labelled.push(name)
  }
  for (const [name, { apart, right }] of Object.entries(
    ask<Record<string, { apart: number; right: boolean }>>(python, CHECK, folder, ...labelled),
  )) {
    expect(right, name).toBe(true)
    expect(apart, name).toBeLessThan(1e-3)
  }
})
