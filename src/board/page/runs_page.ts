import { h, type VNode } from 'preact'

/** The table of all runs. */
export function RunsPage(): VNode {
  return h('h1', {}, 'Runs')
}
