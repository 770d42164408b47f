import { h, type JSX } from 'preact'
import type { ShownSetting } from '../../wire/run.ts'
import { setQuery } from '../route.ts'

/** The configuration of a run, with search; what differs from the defaults is marked. */
export function Settings({
  settings,
  query,
}: {
  settings: readonly ShownSetting[]
  query: URLSearchParams
}): JSX.Element | null {
  if (settings.length === 0) return null
  const sought = query.get('setting') ?? ''
  const onlyChanged = query.get('changed') === '1'
  const isChanged = (each: ShownSetting): boolean => Object.hasOwn(each, 'default')
  const shown = settings.filter(
    each =>
      `${each.key} ${each.value}`.toLowerCase().includes(sought.toLowerCase()) && (!onlyChanged || isChanged(each)),
  )
  return h('section', {}, [
    h('h2', {}, 'Configuration'),
    h('div', { class: 'tools' }, [
      h('label', { class: 'filter' }, [
        h('span', {}, 'Search'),
        h('input', {
          type: 'search',
          value: sought,
          onInput: event => setQuery(query, { setting: event.currentTarget.value }),
        }),
      ]),
      settings.some(isChanged)
        ? h('label', {}, [
            h('input', {
              type: 'checkbox',
              checked: onlyChanged,
              onChange: event => setQuery(query, { changed: event.currentTarget.checked ? '1' : '' }),
            }),
            ' only what differs from the defaults',
          ])
        : null,
      h('span', { class: 'faint', role: 'status' }, `${shown.length} of ${settings.length} keys`),
    ]),
    h(
      'section',
      { class: 'wide tall', tabIndex: 0, 'aria-label': 'Configuration' },
      h('table', { class: 'settings' }, [
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            ['Key', 'Value', 'Default'].map(title => h('th', { scope: 'col' }, title)),
          ),
        ),
        h(
          'tbody',
          {},
          shown.map(each =>
            h('tr', { key: each.key, class: isChanged(each) ? 'changed' : '' }, [
              h('th', { scope: 'row' }, each.key),
              h('td', {}, String(each.value)),
              h('td', { class: 'faint' }, isChanged(each) ? String(each.default) : ''),
            ]),
          ),
        ),
      ]),
    ),
  ])
}
