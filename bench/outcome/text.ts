import { type Column, short, textTable } from '../table.ts'
import type { Outcome, OutcomeReport } from './report.ts'

/** Mean Dice whose time of reaching is reported. */
const MILESTONES = [0.8, 0.85] as const

const digits = (value: number | null | undefined, count: number): string =>
  value === null || value === undefined ? '' : value.toFixed(count)

/** The time when the first model with this mean Dice was on disk, s; undefined if none had it. */
export function timeTo(milestone: number, { curve }: Pick<Outcome, 'curve'>): number | undefined {
  return curve.find(({ dice }) => dice !== null && dice >= milestone)?.seconds
}

export function outcomeText({ data, minutes, folds, outcomes, missing }: OutcomeReport): string {
  const structures = [...new Set(outcomes.flatMap(each => Object.keys(each.structures)))]
  const columns: Column<Outcome>[] = [
    { title: 'tool', value: ({ tool }) => tool },
    { title: 'fold', value: ({ fold }) => fold },
    { title: 'seed', value: ({ seed }) => seed },
    ...structures.map(
      (name): Column<Outcome> => ({ title: `Dice ${name}`, value: each => digits(each.structures[name]?.dice, 4) }),
    ),
    { title: 'mean Dice', value: ({ dice }) => digits(dice, 4) },
    ...structures.map(
      (name): Column<Outcome> => ({ title: `HD95 ${name}`, value: each => digits(each.structures[name]?.hd95, 2) }),
    ),
    ...MILESTONES.map(
      (milestone): Column<Outcome> => ({
        title: `min to ${milestone.toFixed(2)}`,
        value: each => minutesText(timeTo(milestone, each)),
      }),
    ),
    { title: 'min', value: ({ seconds }) => (seconds / 60).toFixed(1) },
    { title: 'epochs', value: ({ epochs }) => epochs },
    { title: 'samples/s', value: ({ samples_per_s }) => short(samples_per_s) },
    { title: 'peak GB', value: ({ peak_bytes }) => (peak_bytes === null ? '' : short(peak_bytes / 1e9)) },
    { title: 'on', value: ({ device }) => device },
    { title: 'settings', value: ({ settings }) => settings },
  ]
  const inOrder = outcomes.toSorted((a, b) => a.fold - b.fold)
  return [
    `data      ${data}, ${folds} folds, ${minutes} min each; Dice and HD95 (mm) in the scans' own space`,
    textTable(inOrder, columns),
    ...missing.map(({ tool, reason }) => `not measured: ${tool}: ${reason}`),
  ].join('\n')
}

function minutesText(seconds: number | undefined): string {
  return seconds === undefined ? 'not reached' : (seconds / 60).toFixed(1)
}
