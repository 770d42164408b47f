import { h, type VNode } from 'preact'
import { useEffect } from 'preact/hooks'
import { type Place, usePlace } from './route.ts'
import { RunsPage } from './runs_page.ts'

/** Page → what shows it. */
const PAGES: Readonly<Record<string, (props: { place: Place }) => VNode>> = { '': RunsPage }

/** What is the same on every page: the links above it. */
export function Board(): VNode {
  const place = usePlace()
  const page = Object.hasOwn(PAGES, place.page) ? PAGES[place.page]! : Unknown
  useEffect(() => document.querySelector('main')?.scrollIntoView(), [place.page, place.parts.join('/')])
  return h('div', {}, [
    h('header', { class: 'top' }, [
      h('strong', {}, 'sadaan-gpu'),
      h('nav', { 'aria-label': 'Pages' }, link('#/', 'Runs', place.page === '')),
    ]),
    h('main', {}, h(page, { place })),
  ])
}

function link(href: string, text: string, isHere: boolean): VNode {
  return h('a', { href, ...(isHere && { 'aria-current': 'page' }) }, text)
}

function Unknown(): VNode {
  return h('p', {}, ['There is no such page. ', h('a', { href: '#/' }, 'All runs')])
}
