import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { encodeModelPth, readModelFile } from '../../src/checkpoint/weights.ts'
import { exportModel } from '../../src/export/export.ts'
import { namedModels, weightsPath } from '../../src/models/registry.ts'
import { InputError } from '../../src/util/error.ts'
import { PACKAGE_ROOT } from '../../src/util/package_root.ts'
import { run } from '../cli/command.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { randomModel } from '../export/random_model.ts'
import { filesUnder, textOf } from '../house/sources.ts'
import { card } from './card.ts'

const root = temporaryDirectory()
const models = join(root, 'models')
const cwd = join(root, 'cwd')
for (const folder of [models, cwd, join(cwd, 'thorax')]) mkdirSync(folder)
const shape = { structures: 2, size: [16, 16, 32], inChannels: 1, channels: [2, 3, 4, 5, 6] } as const
const original = join(root, 'model.pth')
const facts = {
  structureNames: ['liver', 'Niere, größer'],
  channelNames: ['CT'],
  presenceThreshold: 0.35,
  preparation: {
    orientation: 'RAS',
    frame: { kind: 'spacing', spacing_mm: [1.5, 1.5, 3] },
    image_size: [16, 16, 16],
    intensity: [{ kind: 'zscore', deviations: 4 }],
  },
  trainingScans: undefined,
  patches: false,
  flipAxes: [0],
}
writeFileSync(
  original,
  Buffer.concat(encodeModelPth({ tensors: randomModel(shape, 'models'), ...facts, card: undefined })),
)
const abdomen = join(models, 'abdomen.safetensors')
exportModel({ weights: original, format: 'safetensors', precision: 'f16', card, output: abdomen })
exportModel({ weights: original, format: 'safetensors', output: join(models, 'thorax.safetensors') })
writeFileSync(join(models, 'no name.safetensors'), '')
writeFileSync(join(models, 'abdomen.md'), '')

const at = { SADAAN_MODELS: models }
afterEach(() => vi.unstubAllEnvs())
const words = async (...given: string[]) => {
  vi.stubEnv('SADAAN_MODELS', models)
  return run(given, cwd)
}

describe('a name', () => {
  test('is that of a .safetensors file in the folder of SADAAN_MODELS or in the package', () => {
    const own = namedModels(at).filter(({ path }) => path.startsWith(models))
    expect(own).toEqual([
      { name: 'abdomen', path: abdomen },
      { name: 'thorax', path: join(models, 'thorax.safetensors') },
    ])
    const shipped = filesUnder('src/models', '.safetensors').map(path => path.slice('src/models/'.length, -12))
    expect(namedModels({}).map(({ name }) => name)).toEqual(shipped)
    expect(() => namedModels({ SADAAN_MODELS: abdomen })).toThrow(/is no folder, expected one with \.safetensors$/)
  })

  test('stands for its file; a path stays what it is, and a file wins over a name', () => {
    vi.stubEnv('SADAAN_MODELS', models)
    expect(weightsPath('abdomen')).toBe(abdomen)
    for (const path of ['abdomen.pth', './abdomen', join(root, 'abdomen')]) expect(weightsPath(path)).toBe(path)
    vi.spyOn(process, 'cwd').mockReturnValue(cwd)
    expect(weightsPath('thorax')).toBe(join(models, 'thorax.safetensors'))
    const unknown = () => weightsPath('abdomens')
    expect(unknown).toThrow(InputError)
    expect(unknown).toThrow(
      /^abdomens: no such file and no model of that name \(known: abdomen, .*thorax\), expected a \.pth, \.pt or \.safetensors file; did you mean "abdomen"\?$/,
    )
  })

  test('works in inspect, export, predict and evaluate; a file in the working directory wins', async () => {
    const inspected = await words('inspect', 'abdomen')
    expect(inspected).toMatchObject({ code: 0, stderr: '' })
    expect(inspected.stdout).toMatch(/Dice +0\.850: 2 folds, 12 subjects\n/)
    expect(inspected.stdout).toMatch(/licence +CC-BY-SA 4\.0\n/)

    const exported = await words(
      'export',
      '--weights',
      'abdomen',
      '--output',
      'again.safetensors',
      '--precision',
      'f16',
    )
    expect(exported.code, exported.stderr).toBe(0)
    expect(readFileSync(join(cwd, 'again.safetensors')).equals(readFileSync(abdomen))).toBe(true)

    for (const command of [
      ['predict', '--input', 'none.nii'],
      ['evaluate', '--dataset', 'none'],
    ]) {
      const known = await words(...command, '--weights', 'abdomen', '--output', 'out')
      expect(known).toMatchObject({ code: 2, stderr: expect.stringContaining('none') })
      const unknown = await words(...command, '--weights', 'brain', '--output', 'out')
      expect(unknown.code).toBe(2)
      expect(unknown.stderr).toMatch(/^sadaan-gpu: brain: no such file and no model of that name \(known: .*\n$/)
    }

    copyFileSync(original, join(cwd, 'abdomen'))
    const own = JSON.parse((await words('inspect', 'abdomen', '--json')).stdout)
    expect(own).toMatchObject({ path: 'abdomen', card: null })
  })
})

describe('models', () => {
  test('lists them with what one needs to choose', async () => {
    const { code, stdout } = await words('models')
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^abdomen +Abdominal organs in CT +liver, Niere, größer +16×16×32 of 1\.5×1\.5×1\.5 mm +0\.850 +0\.\d$/m,
    )
    expect(stdout).toMatch(/^thorax +– +liver, Niere, größer +16×16×32 of 1\.5×1\.5×1\.5 mm +– +0\.\d$/m)
    const { models: entries } = JSON.parse((await words('models', '--json')).stdout)
    const own = entries.find((entry: { name: string }) => entry.name === 'abdomen')
    expect(own).toMatchObject({ path: abdomen, image_size: [16, 16, 32], structure_names: facts.structureNames, card })
  })

  test('prints a card; without one it says so', async () => {
    const { stdout } = await words('models', 'abdomen')
    for (const said of ['# abdomen', '| liver | 0.900 |', '| mean | 0.850 |', card.data, card.licence, '- everything'])
      expect(stdout).toContain(said)
    expect(await words('models', 'thorax')).toMatchObject({ code: 2, stderr: expect.stringMatching(/has no card/) })
    expect(await words('models', 'thorx')).toMatchObject({ code: 2, stderr: expect.stringMatching(/"thorax"\?\n$/) })
  })

  test('a damaged card is one line', () => {
    const broken = { ...readModelFile(abdomen), card: { ...card, licence: '' } }
    const path = join(root, 'broken.pth')
    writeFileSync(path, Buffer.concat(encodeModelPth(broken)))
    const attempt = () => exportModel({ weights: path, format: 'pth', output: join(root, 'never.pth') })
    expect(attempt).toThrow(/^.*broken\.pth: card\.licence: [^\n]+$/)
  })
})

describe('scripts/ship_model.ts', () => {
  const script = join(PACKAGE_ROOT, 'scripts/ship_model.ts')
  const { validation: _, ...cardText } = card
  const written = (name: string, content: unknown): string => {
    const path = join(root, name)
    writeFileSync(path, JSON.stringify(content))
    return path
  }
  const dice = { liver: { mean_dice: 0.9 }, 'Niere, größer': { mean_dice: 0.8 } }
  const report = { num_subjects: 12, segmentation_per_structure: dice, segmentation_overall: { mean_dice: 0.85 } }
  const reportFile = written('report.json', report)
  const cardFile = written('card.json', cardText)
  const ship = (name: string, weights: string, reported = reportFile) => {
    const words = ['--weights', weights, '--card', cardFile, '--report', reported, '--method', '2 folds']
    const options = ['--import', 'tsx', script, name, ...words, '--output', models]
    return promisify(execFile)(process.execPath, options, { cwd: PACKAGE_ROOT }).then(
      ({ stderr }) => ({ code: 0, stderr }),
      ({ code, stderr }) => ({ code, stderr: stderr as string }),
    )
  }

  test('writes weights and card, which commands then find', async () => {
    expect(await ship('pelvis', original)).toEqual({ code: 0, stderr: '' })
    expect(readFileSync(join(models, 'pelvis.safetensors')).equals(readFileSync(abdomen))).toBe(true)
    expect((await words('models', 'pelvis')).stdout).toBe(readFileSync(join(models, 'pelvis.md'), 'utf8'))
  })

  test('refuses what nobody could use, in one line', async () => {
    const broken = readModelFile(original)
    const [first] = broken.tensors.values()
    first!.data[0] = Number.NaN
    const path = join(root, 'diverged.pth')
    writeFileSync(path, Buffer.concat(encodeModelPth(broken)))
    const other = written('other.json', { ...report, segmentation_per_structure: { spleen: { mean_dice: 0.5 } } })
    for (const [refused, line] of [
      [ship('diverged', path), /^ship_model: .*diverged\.pth: .* 1 of \d+ values not finite.*\n$/],
      [ship('no name', original), /^ship_model: no name: is no name of a model, .*\n$/],
      [ship('spleen', original, other), /^ship_model: .*other\.json: is of spleen, expected a report of .*\n$/],
    ] as const) {
      const { code, stderr } = await refused
      expect(stderr).toMatch(line)
      expect(code).toBe(2)
    }
    expect(namedModels(at).map(({ name }) => name)).not.toContain('diverged')
  })
})

test('every shipped model has a card, and NAME.md is the printed one', async () => {
  const names = filesUnder('src/models', '.safetensors').map(path => path.slice('src/models/'.length, -12))
  expect(filesUnder('src/models', '.md')).toEqual(names.map(name => `src/models/${name}.md`))
  for (const name of names) {
    vi.stubEnv('SADAAN_MODELS', '')
    expect((await run(['models', name], root)).stdout).toBe(textOf(`src/models/${name}.md`))
  }
})
