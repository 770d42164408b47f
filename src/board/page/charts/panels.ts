/** What the steps of a metric count. */
export type Unit = 'epoch' | 'batch'

interface Panel {
  title: string
  unit: Unit
  /** metric → its label */
  metrics: [name: string, label: string][]
}

interface Kind {
  title: string
  metrics: RegExp
}

const TERM = '(?!total_loss|presence_accuracy|mean_dice|hard_dice)'

/** The charts of a training of this program, in order. */
const KINDS: readonly Kind[] = [
  { title: 'Loss', metrics: /^(?:train|val)\.epoch\.total_loss$/ },
  { title: 'Dice', metrics: /^(?:train|val)\.epoch\.(?:mean|hard)_dice$/ },
  { title: 'Presence accuracy', metrics: /^(?:train|val)\.epoch\.presence_accuracy$/ },
  { title: 'Loss of each batch', metrics: /^train\.batch\.total$/ },
  { title: 'Dice of each structure (validation)', metrics: /^val\.dice\./ },
  { title: 'Presence accuracy of each structure (validation)', metrics: /^val\.presence_accuracy\./ },
  { title: 'Loss terms, training', metrics: new RegExp(`^train\\.epoch\\.${TERM}`) },
  { title: 'Loss terms, validation', metrics: new RegExp(`^val\\.epoch\\.${TERM}`) },
  { title: 'Loss terms of each batch', metrics: /^train\.batch\.(?!total$)/ },
  { title: 'Learning rate', metrics: /^train\.learning_rate$/ },
  { title: 'Samples per second', metrics: /^system\.samples_per_second$/ },
  { title: 'Waiting for batches (s per epoch)', metrics: /^system\.loader_wait_seconds$/ },
  { title: 'Memory on the adapter (bytes)', metrics: /^system\.gpu_memory_bytes$/ },
]

/** Single figures of the end of a run are no lines. */
const FIGURES = /^final\./

export function unitOf(name: string): Unit {
  return name.startsWith('train.batch.') ? 'batch' : 'epoch'
}

/** The charts that show these metrics; of what this program does not log, one for each first part of a name. */
export function panelsOf(names: readonly string[]): Panel[] {
  const left = new Set(names.filter(name => !FIGURES.test(name)))
  const take = (title: string, belongs: (name: string) => boolean): Panel[] => {
    const taken = [...left].filter(belongs)
    for (const name of taken) left.delete(name)
    return taken.length === 0 ? [] : [{ title, unit: unitOf(taken[0]!), metrics: labelled(taken) }]
  }
  const known = KINDS.flatMap(({ title, metrics }) => take(title, name => metrics.test(name)))
  const groups = new Set([...left].map(groupOf))
  return [...known, ...[...groups].flatMap(group => take(group, name => groupOf(name) === group))]
}

/** `loss.train` and `loss.val` belong together. */
function groupOf(name: string): string {
  const parts = name.split(/[./]/)
  return parts.length === 1 ? name : parts.slice(0, -1).join('.')
}

/** Labels without what all names of a chart share, whole words at a time. */
function labelled(names: readonly string[]): [string, string][] {
  if (names.length === 1) return [[names[0]!, names[0]!.split('.').at(-1)!.replaceAll('_', ' ')]]
  const split = names.map(name => name.split('.'))
  const [first] = split
  let [start, end] = [0, 0]
  const shortest = Math.min(...split.map(({ length }) => length))
  while (start < shortest - 1 && split.every(parts => parts[start] === first![start])) start++
  while (start + end < shortest - 1 && split.every(parts => parts.at(-1 - end) === first!.at(-1 - end))) end++
  return names.map((name, i) => {
    const parts = split[i]!.slice(start, split[i]!.length - end)
    return [
      name,
      parts
        .filter(part => part !== 'epoch' || parts.length === 1)
        .join(' ')
        .replaceAll('_', ' '),
    ]
  })
}

/** The metrics to compare runs by, most telling first; those of structures and terms come with all. */
export function mainMetrics(names: readonly string[]): string[] {
  const order = [
    ...['val.epoch.total_loss', 'val.epoch.hard_dice', 'val.epoch.mean_dice', 'val.epoch.presence_accuracy'],
    ...['train.epoch.total_loss', 'train.batch.total', 'train.learning_rate', 'system.samples_per_second'],
  ]
  const main = order.filter(name => names.includes(name))
  return main.length > 0 ? main : names.filter(name => !FIGURES.test(name)).slice(0, 8)
}
