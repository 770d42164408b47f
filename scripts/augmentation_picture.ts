import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eachVoxel } from '../kernels-test/augmentation.ts'
import { runOnce, testDevice } from '../kernels-test/harness.ts'
import { type Config, configSchema } from '../src/config/schema.ts'
import { importScans } from '../src/data/import/import.ts'
import { IMPORT_DEFAULTS } from '../src/data/import/import_options.ts'
import { Decoder } from '../src/data/loader/decoder.ts'
import { Tape } from '../src/graph/tape.ts'
import { type Tensor, tensor } from '../src/graph/tensor.ts'
import { augment } from '../src/ops/augment/augment.ts'
import { contour } from '../src/report/chart/contour.ts'
import { regionColor } from '../src/report/chart/palette.ts'
import { greyPng } from '../src/report/chart/png.ts'
import { rasterise } from '../src/report/chart/rasterise.ts'
import { element, FAINT, picture, text } from '../src/report/chart/svg.ts'
import { forSlice, isSet, PLANES, sizeOfPlane, type VolumeSize } from '../src/report/sample/slice.ts'
import { augmentSettings } from '../src/run/tapes.ts'
import { sizeOf } from '../src/util/shape.ts'

// Draws docs/augmentation.png: the kernels' own work on the head of kernels-test/fixtures.
//   npx tsx scripts/augmentation_picture.ts [FILE]

/** Voxels of 2 × 1.94 × 4 mm. */
const SIZE: [number, number, number] = [128, 96, 64]
const SLICE = 33
/** Columns of the slice that are shown; the others hold air. */
const SHOWN = { first: 16, count: 96 }
const [AXIAL] = PLANES as [(typeof PLANES)[0]]
/** What of the fluid lies in this box are the ventricles, with little else. */
const STRUCTURE = { name: 'fluid', marks: [4] }
const MIDDLE = [
  [51, 78],
  [24, 70],
  [16, 50],
] as const

type Augmentation = Partial<Config['augmentation']>

/** What nothing is changed by. */
const STILL: Augmentation = {
  noise_std: 0,
  intensity_scale_range: [1, 1],
  rotation_degrees: 0,
  flip_probability: 0,
}

interface Panel {
  title: string
  /** what is set beside the probabilities, which are 1 */
  said: string
  settings: Augmentation
  /** what is drawn differs from epoch to epoch */
  epoch?: number
}

const ALWAYS = {
  elastic: { elastic_probability: 1 },
  blur: { blur_probability: 1 },
  low_resolution: { low_resolution_probability: 1 },
  bias_field: { bias_field_probability: 1 },
  gamma: { gamma_probability: 1 },
} satisfies Record<string, Augmentation>
const EVERYTHING = { ...Object.assign({}, ...Object.values(ALWAYS)), flip_probability: 0.5 } as Augmentation

const PANELS: readonly Panel[] = [
  { title: 'as it is stored', said: 'orange: the ventricles', settings: STILL },
  { title: 'flip', said: 'flip_axes = [0]', settings: { ...STILL, flip_probability: 1 } },
  { title: 'rotation', said: 'rotation_degrees = 15', settings: { ...STILL, rotation_degrees: 15 } },
  { title: 'elastic', said: 'elastic_displacement = 8', settings: { ...STILL, ...ALWAYS.elastic }, epoch: 5 },
  { title: 'blur', said: 'blur_sigma_range = [0.5, 1.5]', settings: { ...STILL, ...ALWAYS.blur } },
  {
    title: 'low resolution',
    said: 'low_resolution_range = [3, 4]',
    settings: { ...STILL, ...ALWAYS.low_resolution, low_resolution_range: [3, 4] },
  },
  {
    title: 'bias field',
    said: 'bias_field_strength = 1',
    settings: { ...STILL, ...ALWAYS.bias_field, bias_field_strength: 1 },
    epoch: 3,
  },
  { title: 'gamma', said: 'gamma_range = [0.7, 1.5]', settings: { ...STILL, ...ALWAYS.gamma } },
  { title: 'noise', said: 'noise_std = 15', settings: { ...STILL, noise_std: 15 } },
  {
    title: 'scale',
    said: 'intensity_scale_range = [0.6, 0.8]',
    settings: { ...STILL, intensity_scale_range: [0.6, 0.8] },
  },
  { title: 'all of them', said: 'the defaults, epoch 1', settings: EVERYTHING },
  { title: 'all of them', said: 'the defaults, epoch 2', settings: EVERYTHING, epoch: 2 },
]

const COLUMNS = 4
const SCALE = 2 // pixels a voxel; whole, so that voxels are seen as they are
const GAP = 12
const HEAD = 34

const head = await importHead()
const cells = await Promise.all(PANELS.map(panel => panelOf(panel)))
const [width, height] = [cellWidth() + GAP, cellHeight() + HEAD + GAP]
const placed = cells.map((cell, i) => {
  const at = `translate(${GAP + (i % COLUMNS) * width} ${GAP + Math.floor(i / COLUMNS) * height})`
  return element('g', { transform: at }, cell)
})
const rows = Math.ceil(PANELS.length / COLUMNS)
const svg = picture(COLUMNS * width + GAP, rows * height + GAP, '#ffffff', placed.join('\n'))
const path = process.argv[2] ?? fileURLToPath(new URL('../docs/augmentation.png', import.meta.url))
writeFileSync(path, await rasterise(svg))
process.exit(0)

/** The head as a sample of a dataset. */
async function importHead() {
  const folder = mkdtempSync(join(tmpdir(), 'augmentation-'))
  const fixture = (name: string) =>
    fileURLToPath(new URL(`../kernels-test/fixtures/head/KmeansTest_T1${name}.nii.gz`, import.meta.url))
  try {
    const [images, labels] = [fixture('UCharRaw'), fixture('KmeansPrelimSegmentation')]
    await importScans({
      ...IMPORT_DEFAULTS,
      sources: [{ images, labels, structures: [STRUCTURE] }],
      outputDir: folder,
      imageSize: SIZE,
      validationSplit: 0,
    })
    const decoder = await Decoder.open(join(folder, 'train.h5'), SIZE)
    const sample = { image: new Float32Array(sizeOf(SIZE)), maskBits: new Uint32Array(sizeOf(SIZE) / 32) }
    decoder.decode(0, sample.image, sample.maskBits)
    decoder.close()
    eachVoxel(SIZE, (axes, v) => {
      const isMiddle = MIDDLE.every(([low, high], axis) => axes[axis]! >= low && axes[axis]! < high)
      if (!isMiddle) sample.maskBits[v >> 5]! &= ~(1 << (v & 31))
    })
    return sample
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The head augmented: by the kernels of a training step, with its settings. */
async function augmented({ settings, epoch = 1 }: Panel): Promise<{ image: Float32Array; maskBits: Uint32Array }> {
  const values = new Map<Tensor, Float32Array | Uint32Array>()
  const given = (name: string, shape: number[], data: Float32Array | Uint32Array): Tensor => {
    const t = tensor(name, shape, 'input', data instanceof Uint32Array ? 'u32' : 'f32')
    values.set(t, data)
    return t
  }
  const config = configSchema.parse({ augmentation: settings })
  const tape = new Tape()
  const batch = {
    image: given('image', [1, 1, ...SIZE], head.image),
    maskBits: given('maskBits', [1, 1, sizeOf(SIZE) / 32], head.maskBits),
    presence: given('presence', [1, 1], Float32Array.of(1)),
    keys: given('keys', [1, 4], Uint32Array.of(config.seed, epoch, 0, 0)),
  }
  const { image, maskBits } = augment(tape, batch, augmentSettings(config, [STRUCTURE.name]))
  const read = await runOnce(await testDevice(), tape, values, { image, maskBits })
  return read as { image: Float32Array; maskBits: Uint32Array }
}

/** A title, what was set, and the slice with the outline of the structure (SVG). */
async function panelOf(panel: Panel): Promise<string> {
  const { image, maskBits } = await augmented(panel)
  const { width, height } = sizeOfPlane(AXIAL, SIZE as VolumeSize)
  const pixels = new Uint8Array(width * height)
  const mask = new Uint8Array(width * height)
  forSlice(AXIAL, SLICE, SIZE, (voxel, pixel) => {
    pixels[pixel] = Math.round(image[voxel]!)
    mask[pixel] = Number(isSet(maskBits, voxel))
  })
  const href = `data:image/png;base64,${greyPng(pixels, width, height).toString('base64')}`
  const outline = { fill: 'none', stroke: regionColor(0), 'stroke-width': '0.5' }
  return [
    text(0, 12, panel.title, { size: 13, bold: true }),
    text(0, 27, panel.said, { size: 11, fill: FAINT }),
    element(
      'svg',
      { y: HEAD, width: cellWidth(), height: cellHeight(), viewBox: `${SHOWN.first} 0 ${SHOWN.count} ${height}` },
      element('image', { width, height, href, 'image-rendering': 'optimizeSpeed' }) +
        element('path', { d: contour(mask, width, height), ...outline }),
    ),
  ].join('')
}

function cellWidth(): number {
  return SHOWN.count * SCALE
}

function cellHeight(): number {
  return sizeOfPlane(AXIAL, SIZE).height * SCALE
}
