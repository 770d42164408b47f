import { h, type JSX } from 'preact'
import type { RunPage as Run } from '../../wire/run.ts'
import { hrefOf, type Place } from '../address.ts'
import { apiUrl, useJson } from '../data/fetched.ts'
import { useChanges, useNow } from '../data/live.ts'
import { bytesText, durationText, numberText, timeText } from '../data/text.ts'
import { durationOf } from '../runs/columns.ts'
import { statusMark } from '../runs/status.ts'
import { Waiting } from '../waiting.ts'
import { Pictures } from './pictures.ts'
import { RunCharts } from './run_charts.ts'
import { Settings } from './settings.ts'

/** One run: how far it is, how it learns, what it was asked to do. */
export function RunPage({ place }: { place: Place }): JSX.Element {
  const id = place.parts[0] ?? ''
  const version = useChanges([id])
  const { data, problem } = useJson<Run>(apiUrl('run', { id }), version)
  document.title = `${id} · sadaan-gpu`
  if (!data || data.row.id !== id) return h(Waiting, { what: 'Reading the record …', problem })
  const { trace, console: output } = data
  return h('div', {}, [
    h('h1', {}, [id, ' ', statusMark(data.row)]),
    data.row.problems.map(each => h('p', { class: 'bad', role: 'alert' }, each)),
    h(Progress, { run: data }),
    trace.length === 0
      ? null
      : h('section', {}, [h('h2', {}, 'Why it failed'), text('Why it failed', trace.join('\n'))]),
    h('h2', {}, 'Metrics'),
    h(RunCharts, { id, version, query: place.query }),
    h(Pictures, { run: data }),
    output === '' ? null : h('section', {}, [h('h2', {}, 'Console'), text('Console', output)]),
    h(Settings, { settings: data.settings, query: place.query }),
    h(Artifacts, { run: data }),
    h(Host, { run: data }),
  ])
}

/** Text that keeps its lines; long ones scroll, also by keyboard. */
function text(label: string, content: string): JSX.Element {
  return h('pre', { tabIndex: 0, role: 'region', 'aria-label': label }, content)
}

function Progress({ run }: { run: Run }): JSX.Element {
  const { row, resumedFrom, expectedEnd, result, batches } = run
  const isLive = row.status === 'RUNNING'
  const now = useNow(isLive)
  const { epochs = 0, planned } = row
  const facts: [string, JSX.Element | string | undefined][] = [
    ['comment', row.comment],
    ['started', timeText(row.started)],
    ['duration', durationText(durationOf(row, now))],
    ['epochs', planned === undefined ? undefined : `${epochs} of ${planned}`],
    ['batches', batches && batchText(batches, epochs)],
    ['time left', expectedEnd === undefined ? undefined : `about ${durationText(expectedEnd - now)}`],
    ['best loss', numberText(row.bestLoss)],
    ['best Dice', numberText(row.bestDice)],
    ['result', typeof result === 'number' ? numberText(result) : result],
    ['continues', resumedFrom && h('a', { href: hrefOf('run', [resumedFrom.id]) }, resumedFrom.id)],
  ]
  return h('div', {}, [
    isLive && planned !== undefined
      ? h('progress', {
          value: epochs + shareOf(batches, epochs),
          max: planned,
          'aria-label': `${epochs} of ${planned} epochs`,
        })
      : null,
    h('dl', { class: 'facts' }, factList(facts)),
  ])
}

/** How much of the epoch under way is done, once it is known how many batches an epoch has. */
function shareOf(batches: Run['batches'], epochs: number): number {
  if (!batches?.perEpoch) return 0
  return Math.min(1, Math.max(0, batches.done / batches.perEpoch - epochs))
}

function batchText({ done, perEpoch }: NonNullable<Run['batches']>, epochs: number): string {
  if (perEpoch === undefined) return String(done)
  const inEpoch = Math.max(0, Math.round(done - epochs * perEpoch))
  return `${done}, ${inEpoch} of ${Math.round(perEpoch)} in this epoch`
}

function factList(facts: readonly [string, JSX.Element | string | undefined][]): JSX.Element[] {
  return facts.flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [h('div', { key: name }, [h('dt', {}, name), h('dd', {}, value)])],
  )
}

function Artifacts({ run: { row, artifacts } }: { run: Run }): JSX.Element | null {
  if (artifacts.length === 0) return null
  const items = artifacts.map(({ name, bytes, version }) =>
    h('li', { key: name }, [
      h('a', { href: apiUrl('file', { id: row.id, name, version }) }, name),
      h('span', { class: 'faint' }, ` ${bytesText(bytes)}`),
    ]),
  )
  return h('section', {}, [h('h2', {}, 'Artifacts'), h('ul', { class: 'files' }, items)])
}

function Host({ run: { host, command } }: { run: Run }): JSX.Element | null {
  const facts = command === undefined ? host : [['command', command] as [string, string], ...host]
  if (facts.length === 0) return null
  return h('section', {}, [h('h2', {}, 'Host and program'), h('dl', { class: 'facts' }, factList(facts))])
}
