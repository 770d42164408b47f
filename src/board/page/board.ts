import { h, type JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { Place } from './address.ts'
import { CasePage } from './cases/case_page.ts'
import { ResultsList } from './cases/results_list.ts'
import { ResultsPage } from './cases/results_page.ts'
import { ComparePage } from './compare/compare_page.ts'
import { usePlace } from './route.ts'
import { RunPage } from './run/run_page.ts'
import { RunsPage } from './runs/runs_page.ts'
import { Waiting } from './waiting.ts'

/** Page → what shows it. */
const PAGES: Readonly<Record<string, (props: { place: Place }) => JSX.Element>> = {
  '': RunsPage,
  run: RunPage,
  compare: ComparePage,
  list: ResultsList,
  results: ResultsPage,
  case: CasePage,
}

/** What is the same on every page: the links above it. */
export function Board(): JSX.Element {
  const place = usePlace()
  const name = place.page === 'results' && place.parts.length === 0 ? 'list' : place.page
  const page = Object.hasOwn(PAGES, name) ? PAGES[name]! : Unknown
  useEffect(() => scrollTo(0, 0), [place.page, place.parts.join('/')])
  return h('div', {}, [
    h('header', { class: 'top' }, [
      h('strong', {}, 'sadaan-gpu'),
      h('nav', { 'aria-label': 'Pages' }, [
        link('#/', 'Runs', place.page === ''),
        link('#/results', 'Results', place.page === 'results' && place.parts.length === 0),
        link('predict/', 'Segment a scan', false),
      ]),
    ]),
    h('main', {}, h(page, { place })),
    h('footer', {}, h('a', { href: 'licences.txt' }, 'Licences of the packages in these pages')),
  ])
}

function link(href: string, text: string, isHere: boolean): JSX.Element {
  return h('a', { href, ...(isHere && { 'aria-current': 'page' }) }, text)
}

function Unknown(): JSX.Element {
  return h(Waiting, { what: '', problem: 'There is no such page.' })
}
