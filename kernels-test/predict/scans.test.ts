import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/checkpoint/fields.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { Hdf5Writer } from '../../src/data/hdf5/writer.ts'
import { Frame } from '../../src/data/scan/frame.ts'
import type { Affine } from '../../src/data/scan/grid.ts'
import { readNifti } from '../../src/data/scan/nifti/read.ts'
import { writeNifti } from '../../src/data/scan/nifti/writer.ts'
import { cutPatch } from '../../src/data/scan/patches.ts'
import type { FrameRule } from '../../src/data/scan/preparation.ts'
import { readScan } from '../../src/data/scan/read_scan.ts'
import { flipsOver, mirror } from '../../src/predict/inputs.ts'
import type { PredictionRequest } from '../../src/predict/job.ts'
import { type Prediction, predict } from '../../src/predict/predict.ts'
import { windowsOver } from '../../src/predict/windows.ts'
import { InputError } from '../../src/util/error.ts'
import { RESULTS_LIST } from '../../src/util/files/result_folder.ts'
import { mirrorPartners } from '../../src/util/mirror.ts'
import { type ImageSize, sizeOf } from '../../src/util/shape.ts'
import { run as command } from '../cli/command.ts'
import { COLUMNS, DEPTH, ROWS, SERIES, writeSeries } from '../data/scan/dicom/slices.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { onOneDevice } from '../one_device.ts'
import { rowsOf } from './result_rows.ts'
import { writeSmallModel } from './small_model.ts'

const python = process.env.SADAAN_PYTHON
const folder = temporaryDirectory()
const names = ['left_lung', 'right_lung', 'the heart']
const WINDOW: ImageSize = [16, 16, 16]
const VOXELS = sizeOf(WINDOW)

const millimetre = { kind: 'spacing', spacing_mm: [1, 1, 1] } satisfies FrameRule
const preparation: Json = {
  orientation: 'RAS',
  frame: millimetre,
  image_size: WINDOW,
  intensity: [{ kind: 'window', low: 0, high: 255 }],
}
const plain = modelAt('plain.pth', {})
const patches = modelAt('patches.pth', { patches: true, preparation })

function modelAt(name: string, sadaan: Record<string, Json>, inChannels = 1): string {
  const path = join(folder, name)
  writeSmallModel(path, names, { size: WINDOW, inChannels }, sadaan)
  return path
}

let runs = 0

async function run(
  weights: string,
  input: string | string[],
  more: Partial<PredictionRequest> = {},
): Promise<{ output: string; prediction: Prediction; lines: string[] }> {
  const config = defaultConfig()
  config.compute.adapter = process.env.SADAAN_ADAPTER ?? null
  config.training.batch_size = 3
  const output = join(folder, `out${runs++}`)
  const lines: string[] = []
  const request = {
    config,
    presenceThreshold: 0,
    weights,
    input,
    split: 'test' as const,
    output,
    raw: false,
    say: (line: string) => lines.push(line),
    progress: () => undefined,
    ...more,
  }
  const prediction = await onOneDevice(() => predict(request))
  return { output: more.output ?? output, prediction, lines }
}

/** An image in which every place differs from its neighbours and sides from each other. */
function imageOf(size: ImageSize, seed = 1): Float32Array {
  const [, width, depth] = size
  return Float32Array.from({ length: sizeOf(size) }, (_, v) => {
    const [h, w, d] = [Math.floor(v / (width * depth)), Math.floor(v / depth) % width, v % depth]
    return 30 + ((h * h * 7 + w * 11 + d * 5 + h * d * seed) % 190)
  })
}

const MILLIMETRES: Affine = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
]

/** Images with the first voxel black and the last white, so that nothing is rescaled. */
function scanAt(name: string, size: ImageSize, values = imageOf(size)): string {
  const path = join(folder, name)
  writeNifti(path, values, { size, affine: MILLIMETRES })
  return path
}

async function imagesAt(name: string, size: readonly number[], images: readonly Float32Array[]): Promise<string> {
  const writer = await Hdf5Writer.create(join(folder, name), [{ name: 'images', kind: 'float32', rowShape: size }])
  for (const image of images) writer.append('images', image)
  await writer.finish()
  return writer.path
}

/** Writes scans of every kind with nibabel; afterwards holds what lies beside them against them. */
const WRITE_SCANS = `
import sys, numpy as np, nibabel as nib
folder = sys.argv[1]
rng = np.random.default_rng(3)
def rotation(a, b):
    ca, sa, cb, sb = np.cos(a), np.sin(a), np.cos(b), np.sin(b)
    return np.array([[ca, -sa, 0], [sa, ca, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, cb, -sb], [0, sb, cb]])
def affine(turn, zooms, origin):
    a = np.eye(4); a[:3, :3] = turn @ np.diag(zooms); a[:3, 3] = origin
    return a
def data(shape): return rng.integers(-50, 900, shape).astype(np.int16)
oblique = nib.Nifti1Image(data((21, 17, 12)), affine(rotation(.3, .2), (1.1, 1.5, 2.5), (-20, 13, 4)))
oblique.set_sform(oblique.affine, 1); oblique.set_qform(oblique.affine, 2)
nib.save(oblique, folder + '/oblique.nii.gz')
big = nib.Nifti1Image(data((10, 20, 15)), affine(np.diag([-1, -1, 1]), (2, 1, 1.25), (9, 9, 9)), nib.Nifti1Header(endianness='>'))
nib.save(big, folder + '/big.nii')
scaled = nib.Nifti1Image(data((16, 16, 9)), affine(np.eye(3)[[2, 0, 1]], (1, 1, 3), (0, 0, 0)))
scaled.header.set_slope_inter(2.5, -1000)
nib.save(scaled, folder + '/scaled.nii.gz')
second = nib.Nifti2Image(data((14, 15, 16)).astype(np.float64), affine(rotation(-.1, .5), (1, 1, 1), (1, 2, 3)))
nib.save(second, folder + '/second.nii')
q = nib.Nifti1Image(data((12, 13, 14)), None)
q.set_qform(affine(rotation(.2, 0) @ np.diag([1, 1, -1]), (1, 2, 3), (5, 6, 7)), 1); q.set_sform(None, 0)
nib.save(q, folder + '/q.nii.gz')
`
const CHECK_RESULTS = `
import sys, json, glob, os, numpy as np, nibabel as nib
scans, results = sys.argv[1:3]
table = json.load(open(results + '/presence.json'))
names = table['structure_names']
files = ['left_lung', 'right_lung', 'the_heart']
seen = overlaps = 0
for sample in table['samples']:
    scan = nib.load(glob.glob(scans + '/' + sample['scan'] + '.nii*')[0])
    load = lambda *parts: nib.load(os.path.join(results, sample['scan'], *parts))
    def held(image, dtype):
        assert image.shape == scan.shape, (image.shape, scan.shape)
        assert image.get_data_dtype() == dtype, image.get_data_dtype()
        assert np.allclose(image.affine, scan.affine, atol=1e-5), (image.affine, scan.affine)
        assert nib.aff2axcodes(image.affine) == nib.aff2axcodes(scan.affine)
        assert np.allclose(image.header.get_zooms(), scan.header.get_zooms()[:3])
        for code in ('sform_code', 'qform_code'): assert int(image.header[code]) == int(scan.header[code]), code
        assert image.header.get_xyzt_units() == scan.header.get_xyzt_units()
        return np.asanyarray(image.dataobj)
    masks = np.stack([held(load('masks', f + '.nii.gz'), np.uint8) for f in files])
    probs = np.stack([held(load('probabilities', f + '.nii.gz'), np.float32) for f in files])
    looks = np.stack([held(load('attention', f + '.nii.gz'), np.float32) for f in files])
    labels = held(load('labels.nii.gz'), np.uint8)
    assert set(np.unique(masks)) <= {0, 1}
    assert np.array_equal(masks == 1, probs > .5)
    assert looks.min() >= 0 and looks.max() <= 1 and looks.std() > 0
    claims = np.where(masks == 1, probs, 0)
    assert np.array_equal(labels, np.where(claims.max(0) > 0, claims.argmax(0) + 1, 0))
    voxel = abs(np.linalg.det(scan.affine[:3, :3])) / 1000
    for name, mask in zip(names, masks):
        row = sample['structures'][name]
        assert row['mask_voxels'] == int(mask.sum())
        assert abs(row['volume_ml'] - mask.sum() * voxel) <= 1e-4 * max(1, mask.sum() * voxel)
        assert 0 < row['attention_peak'] <= 1
    seen += int(0 < masks.mean() < 1)
    overlaps += int((masks.sum(0) > 1).any())
print(len(table['samples']), seen, overlaps > 0)
`

test('scans of every kind get results that nibabel finds in the same place', async context => {
  if (!python) return context.skip('SADAAN_PYTHON names no python with nibabel')
  const scans = join(folder, 'scans')
  mkdirSync(scans)
  execFileSync(python, ['-c', WRITE_SCANS, scans])
  const { output, prediction, lines } = await run(plain, scans, { probabilities: true, attention: true })
  expect(prediction.found.map(({ scan }) => scan)).toStrictEqual(['big', 'oblique', 'q', 'scaled', 'second'])
  expect(readdirSync(output).sort()).toStrictEqual(
    [RESULTS_LIST, 'big', 'oblique', 'presence.csv', 'presence.json', 'q', 'scaled', 'second'].sort(),
  )
  expect(lines.filter(line => line.includes('does not state how scans were prepared'))).toHaveLength(1)
  expect(execFileSync(python, ['-c', CHECK_RESULTS, scans, output], { encoding: 'utf8' })).toBe('5 5 True\n')
  const csv = readFileSync(join(output, 'presence.csv'), 'utf8').trimEnd().split('\n')
  expect(csv[0]!.split(',').slice(-3)).toStrictEqual(['scan', 'attention_peak', 'warnings'])
  expect(csv).toHaveLength(1 + 5 * 3)
  expect(readFileSync(join(output, 'q/labels.label'), 'utf8').trimEnd().split('\n')).toStrictEqual([
    '0 0 0 0 0 0 0 "Clear Label"',
    '1 238 119 51 1 1 1 "left_lung"',
    '2 51 187 238 1 1 1 "right_lung"',
    '3 238 51 119 1 1 1 "the heart"',
  ])
})

test('a DICOM series gets NIfTI masks in its place and the same masks as a segmentation', async () => {
  const series = writeSeries(join(folder, 'patients/thorax'))
  const { output, prediction } = await run(plain, join(folder, 'patients'))
  expect(prediction.found.map(({ scan }) => scan)).toStrictEqual(['thorax'])
  const { affine, size } = readScan(series)
  const masks = ['left_lung', 'right_lung', 'the_heart'].map(name => readNifti(join(output, `masks/${name}.nii.gz`)))
  const bits: number[] = []
  for (const mask of masks) {
    expect(mask.size).toStrictEqual(size)
    for (const [r, row] of affine.entries())
      for (const [c, value] of row.entries()) expect(mask.affine[r]![c]).toBeCloseTo(value, 5)
    // as DICOM has them: planes with a voxel of the structure, row by row
    for (let k = 0; k < DEPTH; k++) {
      const plane = Array.from({ length: ROWS * COLUMNS }, (_, v) => {
        return mask.values[((v % COLUMNS) * ROWS + Math.floor(v / COLUMNS)) * DEPTH + k]!
      })
      if (plane.includes(1)) bits.push(...plane)
    }
  }
  expect(bits.length).toBeGreaterThan(0)
  const packed = Array.from({ length: Math.ceil(bits.length / 8) }, (_, byte) =>
    bits.slice(8 * byte, 8 * byte + 8).reduce((sum, bit, i) => sum + (bit << i), 0),
  )
  const file = readFileSync(join(output, 'masks.dcm'))
  expect(file.toString('latin1', 128, 132)).toBe('DICM')
  expect(file.includes(SERIES)).toBe(true)
  // an element of odd length ends with a byte more
  const end = file.length - (packed.length % 2)
  expect([...file.subarray(end - packed.length, end)]).toStrictEqual(packed)
})

describe('sliding windows', () => {
  const size: ImageSize = [28, 20, 16]
  const image = imageOf(size)

  test('are the Gaussian mean of what the model says of each, presence their maximum', async () => {
    const corners = windowsOver(size, WINDOW, 0.5)
    expect(corners.length).toBe(6)
    const cuts = corners.map(corner => {
      const values = new Float32Array(VOXELS)
      cutPatch(image, size, corner, WINDOW, values)
      return values
    })
    const each = await run(patches, await imagesAt('windows.h5', WINDOW, cuts), { raw: true })
    const [probabilities, presence] = [
      await rowsOf(each.output, 'raw.h5', 'segmentation_probs'),
      await rowsOf(each.output, 'raw.h5', 'presence_probs'),
    ]
    const scan = scanAt('long.nii.gz', size, image)
    const slid = await run(patches, scan, { overlap: 0.5, probabilities: true })
    const stored = await run(patches, await imagesAt('long.h5', size, [image]), { overlap: 0.5, probabilities: true })
    const inHdf5 = await rowsOf(stored.output, 'probabilities.h5', 'probabilities')
    const files = ['left_lung', 'right_lung', 'the_heart'].map(name =>
      join(slid.output, `probabilities/${name}.nii.gz`),
    )
    for (const [s, path] of files.entries()) {
      const expected = blended(size, corners, n =>
        probabilities.subarray((n * 3 + s) * VOXELS, (n * 3 + s + 1) * VOXELS),
      )
      const { values } = readNifti(path)
      let most = 0
      for (let v = 0; v < values.length; v++) most = Math.max(most, Math.abs(values[v]! - expected[v]!))
      expect(most).toBeLessThan(1e-6)
      expect([...inHdf5.subarray(s * values.length, (s + 1) * values.length)]).toStrictEqual([...values])
      const windows = corners.map((_, n) => presence[n * 3 + s]!)
      expect(slid.prediction.found[0]!.structures[names[s]!]!.presence_probability).toBe(Math.max(...windows))
    }
  })

  test('are blended of the mean over the flips of each', async () => {
    const long: ImageSize = [24, 16, 16]
    const corners = windowsOver(long, WINDOW, 0.5)
    const flips = flipsOver([0])
    const cuts = corners.flatMap(corner =>
      flips.map(flip => {
        const [cut, values] = [new Float32Array(VOXELS), new Float32Array(VOXELS)]
        cutPatch(imageOf(long), long, corner, WINDOW, cut)
        mirror(cut, WINDOW, flip, values)
        return values
      }),
    )
    const each = await run(patches, await imagesAt('flipped windows.h5', WINDOW, cuts), { raw: true })
    const [probabilities, presence] = [
      await rowsOf(each.output, 'raw.h5', 'segmentation_probs'),
      await rowsOf(each.output, 'raw.h5', 'presence_probs'),
    ]
    const input = await imagesAt('flipped.h5', long, [imageOf(long)])
    const slid = await run(patches, input, { overlap: 0.5, flips: [0], probabilities: true })
    const found = await rowsOf(slid.output, 'probabilities.h5', 'probabilities')
    const partners = mirrorPartners(names)
    for (const [s, name] of names.entries()) {
      const places = corners.map((_, n) => flips.map((flip, f) => (2 * n + f) * 3 + (flip.length ? partners[s]! : s)))
      const windows = places.map(([plain, flipped]) => {
        const mean = new Float32Array(VOXELS)
        mirror(probabilities.subarray(flipped! * VOXELS, (flipped! + 1) * VOXELS), WINDOW, [0], mean)
        return mean.map((value, v) => (value + probabilities[plain! * VOXELS + v]!) / 2)
      })
      const expected = blended(long, corners, n => windows[n]!)
      const own = found.subarray(s * expected.length, (s + 1) * expected.length)
      expect(Math.max(...own.map((value, v) => Math.abs(value - expected[v]!)))).toBeLessThan(1e-6)
      const means = places.map(([plain, flipped]) => (presence[plain!]! + presence[flipped!]!) / 2)
      expect(slid.prediction.found[0]!.structures[name]!.presence_probability).toBeCloseTo(Math.max(...means), 6)
    }
  })

  function blended(
    size: ImageSize,
    corners: readonly ImageSize[],
    valuesOf: (window: number) => Float32Array,
  ): Float64Array {
    const [sums, weights] = [new Float64Array(sizeOf(size)), new Float64Array(sizeOf(size))]
    const weight = (i: number): number => Math.exp(-0.5 * ((i - 7.5) / 2) ** 2)
    for (const [n, [h0, w0, d0]] of corners.entries())
      for (let v = 0; v < VOXELS; v++) {
        const [h, w, d] = [v >> 8, (v >> 4) & 15, v & 15]
        const to = ((h0 + h) * size[1] + w0 + w) * size[2] + d0 + d
        const own = weight(h) * weight(w) * weight(d)
        sums[to]! += own * valuesOf(n)[v]!
        weights[to]! += own
      }
    return sums.map((sum, v) => sum / weights[v]!)
  }

  test('change no bit of a scan that is one window', async () => {
    const scan = scanAt('short.nii', WINDOW)
    const [whole, slid] = [
      await run(patches, scan, { probabilities: true }),
      await run(patches, scan, { probabilities: true, overlap: 0.25 }),
    ]
    for (const file of ['presence.csv', 'labels.nii.gz', 'masks/the_heart.nii.gz', 'probabilities/left_lung.nii.gz'])
      expect(readFileSync(join(slid.output, file)).equals(readFileSync(join(whole.output, file))), file).toBe(true)
  })
})

test('a model of another size than the frame of its dataset sees of a scan what it was trained on', async () => {
  const stored: ImageSize = [32, 32, 32]
  const weights = modelAt('resized.pth', { preparation: { ...(preparation as object), image_size: stored } as Json })
  const size: ImageSize = [40, 32, 28] // cropped, whole, padded
  const prepared = new Float32Array(sizeOf(stored))
  new Frame({ size, affine: MILLIMETRES }, millimetre, stored).imageToModel(imageOf(size), prepared)
  const images = await run(weights, await imagesAt('prepared.h5', stored, [prepared]), { probabilities: true })
  const scan = await run(weights, scanAt('whole.nii', size), { probabilities: true })
  expect(images.lines.join()).toContain("images are resampled from 32×32×32 to the model's 16×16×16")
  expect(scan.lines.join()).toContain("resampled to the model's 16×16×16; its dataset had 32×32×32")
  const expected = await rowsOf(images.output, 'probabilities.h5', 'probabilities')
  for (const [s, name] of names.entries()) {
    const of = (run: typeof scan): number => run.prediction.found[0]!.structures[name]!.presence_probability
    expect(of(scan)).toBeCloseTo(of(images), 6)
    const { values } = readNifti(join(scan.output, `probabilities/${name.replace(' ', '_')}.nii.gz`))
    const differing = [...values].filter((value, v) => {
      const [h, w, d] = [Math.floor(v / (32 * 28)) - 4, Math.floor(v / 28) % 32, (v % 28) + 2]
      const same = h < 0 || h >= 32 ? 0 : expected[((s * 32 + h) * 32 + w) * 32 + d]!
      return Math.abs(value - same) > 1e-6
    })
    expect(differing).toStrictEqual([])
  }
})

test('of HDF5 the table names subjects and measures in millilitres where the file says how long voxels are', async () => {
  const fileAt = async (name: string, spacing: readonly number[]): Promise<string> => {
    const writer = await Hdf5Writer.create(join(folder, name), [
      { name: 'images', kind: 'float32', rowShape: WINDOW },
      { name: 'voxel_spacing', kind: 'float32', rowShape: [3] },
    ])
    writer.append('images', imageOf(WINDOW))
    writer.writeStrings('subjects', ['Doe, 1'])
    writer.append('voxel_spacing', Float32Array.from(spacing))
    await writer.finish()
    return writer.path
  }
  const { output, prediction } = await run(plain, await fileAt('spaced.h5', [1.5, 2, 4]))
  const [{ scan, structures }] = prediction.found as [Prediction['found'][0]]
  expect(scan).toBe('Doe, 1')
  for (const { mask_voxels, volume_ml } of Object.values(structures))
    expect(volume_ml).toBeCloseTo((mask_voxels * 12) / 1000, 9)
  expect(Math.max(...Object.values(structures).map(each => each.mask_voxels))).toBeGreaterThan(0)
  expect(readFileSync(join(output, 'presence.csv'), 'utf8')).toContain(',"Doe, 1",\n')
  const failure = await run(plain, await fileAt('flat.h5', [1.5, 0, 4])).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(InputError)
  expect((failure as Error).message).toMatch(
    /flat\.h5: .*voxel_spacing.* sample 0 has 0, expected positive millimetres/,
  )
})

test('the command takes the channels of a scan from files', async () => {
  const [first] = (preparation as { intensity: Json[] }).intensity
  const weights = modelAt(
    'channels.pth',
    { preparation: { ...(preparation as object), intensity: [first!, first!] } },
    2,
  )
  mkdirSync(join(folder, 'channels'))
  const scans = [1, 2].map(seed => [imageOf(WINDOW, seed), imageOf(WINDOW, seed + 5)] as const)
  for (const [n, channels] of scans.entries())
    for (const [c, values] of channels.entries())
      scanAt(`channels/${'ab'[n]}_000${c}.nii${c ? '' : '.gz'}`, WINDOW, values)
  const adapter = process.env.SADAAN_ADAPTER === undefined ? [] : [`compute.adapter='${process.env.SADAAN_ADAPTER}'`]
  const words = ['--weights', weights, '--input', 'channels', '--output', 'by channel', '--json', 'with', ...adapter]
  const { code, stdout, stderr } = await command(['predict', ...words], folder)
  expect(code, stderr).toBe(0)
  const { found } = JSON.parse(stdout) as Prediction
  const joined = scans.map(channels => Float32Array.from(channels.flatMap(values => [...values])))
  const { prediction } = await run(weights, await imagesAt('channels.h5', [2, ...WINDOW], joined))
  const presence = (samples: Prediction['found']): number[] =>
    samples.flatMap(({ structures }) => Object.values(structures).map(each => each.presence_probability))
  expect(found.map(({ scan }) => scan)).toStrictEqual(['a', 'b'])
  expect(presence(found)).toStrictEqual(presence(prediction.found))
  expect(readdirSync(join(folder, 'by channel/a/masks'))).toHaveLength(3)
})

test('flips are the mean of what the model says of mirrored inputs, sides exchanged', async () => {
  const image = imageOf(WINDOW)
  const flips = flipsOver([0, 1])
  const mirrored = flips.map(flip => {
    const values = new Float32Array(VOXELS)
    mirror(image, WINDOW, flip, values)
    return values
  })
  const each = await run(plain, await imagesAt('mirrored.h5', WINDOW, mirrored), { raw: true })
  const [probabilities, presence] = [
    await rowsOf(each.output, 'raw.h5', 'segmentation_probs'),
    await rowsOf(each.output, 'raw.h5', 'presence_probs'),
  ]
  const input = await imagesAt('once.h5', WINDOW, [image])
  const { output, prediction, lines } = await run(plain, input, { flips: [0, 1], probabilities: true })
  expect(lines.join()).toContain('does not state which axes training flipped; flipping along axis 0, 1')
  const found = await rowsOf(output, 'probabilities.h5', 'probabilities')
  const partners = mirrorPartners(names)
  expect(partners).toStrictEqual([1, 0, 2])
  for (const [s, name] of names.entries()) {
    const [sums, back] = [new Float64Array(VOXELS), new Float32Array(VOXELS)]
    let q = 0
    for (const [f, flip] of flips.entries()) {
      const own = f * 3 + (flip.includes(0) ? partners[s]! : s)
      mirror(probabilities.subarray(own * VOXELS, (own + 1) * VOXELS), WINDOW, flip, back)
      for (let v = 0; v < VOXELS; v++) sums[v]! += back[v]! / 4
      q += presence[own]! / 4
    }
    for (let v = 0; v < VOXELS; v++) expect(Math.abs(found[s * VOXELS + v]! - sums[v]!)).toBeLessThan(1e-6)
    expect(prediction.found[0]!.structures[name]!.presence_probability).toBeCloseTo(q, 6)
  }
})

describe('what does not fit is one line', () => {
  const refused = async (weights: string, input: string, message: RegExp, more: Partial<PredictionRequest> = {}) => {
    const failure = await run(weights, input, more).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(InputError)
    expect((failure as Error).message).toMatch(message)
    expect((failure as Error).message).not.toContain('\n')
  }

  test('of options and models', async () => {
    const scan = scanAt('fitting.nii', WINDOW)
    await refused(
      plain,
      scan,
      /plain\.pth: was not trained on patches .*its position priors tie it to 16×16×16 voxels/,
      { overlap: 0.5 },
    )
    await refused(patches, scan, /overlap is 1, expected a fraction of the window/, { overlap: 1 })
    await refused(plain, scan, /raw outputs need a single pass/, { raw: true, flips: 'trained' })
    await refused(modelAt('unspaced.pth', { patches: true }), scan, /does not state its voxel size/, {
      overlap: 0,
    })
    await refused(
      modelAt('two.pth', { preparation }, 2),
      scan,
      /two\.pth: preparation has 1 intensity rules, the model expects 2/,
    )
    mkdirSync(join(folder, 'empty'))
    await refused(plain, join(folder, 'empty'), /expected a dataset \(with metadata\.json\) or a folder of scans/)
  })

  test('and the results of earlier are left as they were', async () => {
    const output = join(folder, 'earlier')
    const good = scanAt('good.nii', [18, 16, 16])
    const { lines } = await run(patches, good, { output })
    expect(lines.join()).toMatch(/good\.nii: 12 % of its voxels lie outside the model's frame/)
    const before = readdirSync(output, { recursive: true }).sort()
    const labels = readFileSync(join(output, 'labels.nii.gz'))
    const damaged = join(folder, 'damaged.nii')
    writeFileSync(damaged, readFileSync(good).subarray(0, 5000))
    await refused(plain, [damaged, damaged] as never, /damaged\.nii: holds 5000 bytes/, { output })
    expect(readdirSync(output, { recursive: true }).sort()).toStrictEqual(before)
    expect(readFileSync(join(output, 'labels.nii.gz')).equals(labels)).toBe(true)
  })
})
