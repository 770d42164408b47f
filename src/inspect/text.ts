import type { DatasetInspection, SplitInspection } from '../data/inspect/dataset.ts'
import type { Hdf5Inspection } from '../data/inspect/hdf5.ts'
import type { ScanInspection } from '../data/inspect/scan.ts'
import type { Intensity } from '../data/inspect/voxel_intensity.ts'
import { preparationText } from '../data/scan/preparation_text.ts'
import { rangesText } from '../data/scan/scan_ranges_text.ts'
import type { ModelCard } from '../models/card.ts'
import { type Column, table } from '../report/text/table.ts'
import { formatBytes } from '../run/memory.ts'
import { listed, printable } from '../util/listing.ts'
import { UNDEFINED } from '../util/statistics.ts'
import type { Inspection, ModelInspection } from './inspect.ts'

/** An inspection as text. */
export function inspectionText(inspection: Inspection): string {
  return `${linesOf(inspection).map(printable).join('\n')}\n`
}

function linesOf(inspection: Inspection): string[] {
  switch (inspection.kind) {
    case 'dataset':
      return datasetLines(inspection)
    case 'hdf5':
      return hdf5Lines(inspection)
    case 'scan':
      return scanLines(inspection)
    default:
      return modelLines(inspection)
  }
}

const times = (axes: readonly (number | string)[]): string => axes.join('×')
const left = (heading: string): Column => ({ heading, align: 'left' })
const right = (heading: string): Column => ({ heading, align: 'right' })
const short = (value: number): string => String(Number(value.toPrecision(5)))

/** Names and values in two columns. */
function facts(rows: readonly (readonly [name: string, value: string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  return rows.map(([name, value]) => `${name.padEnd(width)}${value}`)
}

function channelsText(channels: number, names: readonly string[] | null): string {
  return `${channels} ${channels === 1 ? 'channel' : 'channels'}${names ? `: ${names.join(', ')}` : ''}`
}

function datasetLines(inspection: DatasetInspection): string[] {
  const { path, structure_names, image_size, channels, channel_names, patches, preparation } = inspection
  const splits = Object.entries(inspection.splits)
  const recorded = splits.filter(([, { has_hashes }]) => has_hashes).map(([name]) => name)
  return [
    ...facts([
      ['dataset', path],
      ['structures', String(structure_names.length)],
      ['image size', `${times(image_size)}, ${channelsText(channels, channel_names)}`],
      ['preparation', preparation ? preparationText(preparation) : 'not recorded'],
      ['scans', inspection.training_scans ? rangesText(inspection.training_scans) : 'not recorded'],
      ['patches', patches ? 'yes: samples are patches of larger scans' : 'no'],
      ['hashes', recorded.length > 0 ? `recorded for ${recorded.join(', ')}` : 'not recorded'],
    ]),
    '',
    ...splitTable(splits),
    '',
    ...presenceTable(structure_names, splits),
    ...scenarioTable(splits),
    '',
    ...splits.flatMap(([name, split]) => ['', `${name}.h5`, ...storageTable(split)]).slice(1),
  ]
}

function splitTable(splits: readonly [string, SplitInspection][]): string[] {
  const columns = [left('split'), right('samples'), right('subjects'), left('spacing in mm'), right('file')]
  const intensities = [right('lowest'), right('mean'), right('sd'), right('highest'), left('intensities of samples')]
  const rows = splits.map(([name, { samples, subjects, spacing, bytes, intensity }]) => [
    name,
    String(samples),
    subjects === null ? UNDEFINED : String(subjects),
    spacing ? spacingText(spacing.least, spacing.greatest) : UNDEFINED,
    formatBytes(bytes),
    ...intensityCells(intensity),
    intensity?.samples.join(', ') ?? UNDEFINED,
  ])
  return table([...columns, ...intensities], rows)
}

function spacingText(least: readonly number[], greatest: readonly number[]): string {
  return times(
    least.map((low, axis) => (low === greatest[axis] ? short(low) : `${short(low)}–${short(greatest[axis]!)}`)),
  )
}

function intensityCells(intensity: Intensity | null): string[] {
  if (!intensity) return [UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED]
  const { lowest, mean, deviation, highest } = intensity
  return [lowest, mean, deviation, highest].map(short)
}

function presenceTable(names: readonly string[], splits: readonly [string, SplitInspection][]): string[] {
  const columns = splits.flatMap(([name]) => [right(`${name}: present`), right('absent'), right('unknown')])
  const rows = names.map((structure, s) => [
    structure,
    ...splits.flatMap(([, { presence }]) => {
      const { present, absent, unknown } = presence[s]!
      return [present, absent, unknown].map(String)
    }),
  ])
  return table([left('structure'), ...columns], rows)
}

function scenarioTable(splits: readonly [string, SplitInspection][]): string[] {
  const names = [...new Set(splits.flatMap(([, { scenarios }]) => Object.keys(scenarios)))].sort()
  if (names.length === 0) return []
  const rows = names.map(name => [name, ...splits.map(([, { scenarios }]) => String(scenarios[name] ?? 0))])
  return ['', ...table([left('scenario'), ...splits.map(([name]) => right(name))], rows)]
}

function storageTable({ datasets }: Hdf5Inspection): string[] {
  const isReadable = datasets.every(({ problem }) => problem === undefined)
  const rows = datasets.map(({ name, shape, type, chunks, filters, problem = '' }) => [
    name,
    times(shape) || UNDEFINED,
    type,
    chunks ? times(chunks) : UNDEFINED,
    filters.join(', ') || UNDEFINED,
    ...(isReadable ? [] : [problem]),
  ])
  const headings = ['dataset', 'shape', 'type', 'chunks', 'filters', ...(isReadable ? [] : ['problem'])]
  return table(headings.map(left), rows)
}

function hdf5Lines(inspection: Hdf5Inspection): string[] {
  const { path, bytes, attributes, omitted } = inspection
  const given = Object.entries(attributes).map(([name, values]) => `${name} ${times(values)}`)
  return [
    ...facts([
      ['HDF5 file', path],
      ['size', formatBytes(bytes)],
      ['attributes', listed(given) || UNDEFINED],
      ...(omitted > 0 ? [['not described', `${omitted} more datasets and attributes`] as [string, string]] : []),
    ]),
    '',
    ...storageTable(inspection),
  ]
}

function scanLines(scan: ScanInspection): string[] {
  const { path, bytes, size, channels, spacing, orientation, oblique, affine, intensity } = scan
  const [lowest, mean, deviation, highest] = intensityCells(intensity)
  const unit = scan.unit === null ? ' (the unit is not stated)' : ''
  const turned = oblique < 1 ? '' : `, oblique by ${oblique.toFixed(1)}°`
  return facts([
    ['scan', bytes === null ? path : `${path}, ${formatBytes(bytes)}`],
    ['voxels', `${times(size)}, ${channels} ${channels === 1 ? 'channel' : 'channels'}`],
    ['spacing', `${times(spacing.map(short))} mm${unit}, ${short(scan.voxel_ml)} ml a voxel`],
    ['field', `${times(size.map((axis, i) => short(axis * spacing[i]!)))} mm`],
    ['orientation', `${orientation}: directions of the stored axes${turned}`],
    ['affine', affine.map(row => `[${row.map(short).join(', ')}]`).join(' ')],
    ['intensities', `${lowest} to ${highest}, mean ${mean}, sd ${deviation}`],
    ...scan.warnings.map((warning): [string, string] => ['warning', warning]),
  ])
}

function modelLines(model: ModelInspection): string[] {
  const { kind, path, bytes, structure_names, structures, image_size, in_channels, channels, features, parameters } =
    model
  const { training, presence_threshold, channel_names, preparation, training_scans, patches, faults, card } = model
  return facts([
    [kind, `${path}, ${formatBytes(bytes)}`],
    ...structureRows(structures, structure_names),
    ['image size', `${times(image_size)}, ${channelsText(in_channels, channel_names)}`],
    ['channels', `${channels.join(', ')}; ${features} features`],
    ['parameters', parameters.toLocaleString('en')],
    ['threshold', presence_threshold === null ? 'not recorded' : `presence probability above ${presence_threshold}`],
    ['preparation', preparation ? preparationText(preparation) : 'not recorded'],
    ['scans', training_scans ? rangesText(training_scans) : 'not recorded'],
    ['patches', patches ? 'yes: trained on patches of larger scans' : 'no'],
    ...(card ? cardFacts(card) : []),
    ...(faults.length > 0 ? [['unusable', listed(faults)] as const] : []),
    ...(training ? trainingFacts(training, faults.length > 0) : []),
  ])
}

function cardFacts({ title, data, licence, validation }: ModelCard): [string, string][] {
  const { mean_dice, method, subjects } = validation
  return [
    ['segments', title],
    ['Dice', `${mean_dice.toFixed(3)}: ${method}, ${subjects} subjects`],
    ['data', data],
    ['licence', licence],
  ]
}

function trainingFacts(training: NonNullable<ModelInspection['training']>, isUnusable: boolean): [string, string][] {
  const { epochs, is_best, is_averaged, train_loss, val_loss, can_resume, run, data } = training
  const loss = (value: number | null): string => (value === null ? UNDEFINED : short(value))
  return [
    ['epochs', `${epochs} finished${is_best ? ', the best so far' : ''}${run === null ? '' : `, run ${run}`}`],
    ...(is_averaged ? ([['weights', 'a moving average (optimizer.ema_decay)']] as [string, string][]) : []),
    ['losses', `training ${loss(train_loss)}, validation ${loss(val_loss)}`],
    [
      'resume',
      can_resume
        ? 'yes: has the optimiser state'
        : isUnusable
          ? 'no: its weights are unusable'
          : 'no: has no optimiser state',
    ],
    ...(data
      ? ([['data', `${times(data.image_size)}, ${data.channels} channels; train ${data.train}; val ${data.val}`]] as [
          string,
          string,
        ][])
      : []),
  ]
}

const NAMES_PER_LINE = 10

/** Model files have no other place for the names than here, so all of them are shown. */
function structureRows(structures: number, names: readonly string[] | null): (readonly [string, string])[] {
  if (!names) return [['structures', `${structures}: not named`]]
  const lines = Array.from({ length: Math.ceil(names.length / NAMES_PER_LINE) }, (_, line) =>
    names.slice(line * NAMES_PER_LINE, (line + 1) * NAMES_PER_LINE).join(', '),
  )
  return lines.map((line, i) => (i === 0 ? ['structures', `${structures}: ${line}`] : ['', line]))
}
