import { h, type JSX, type TargetedEvent } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { CasePage, Layer } from '../../wire/results.ts'
import { apiUrl } from '../data/fetched.ts'
import type { ScanView } from './scan_view.ts'

const START: Readonly<Record<Layer, number>> = { scan: 1, truth: 0, prediction: 0.6, attention: 0 }
const LAYERS: readonly Layer[] = ['scan', 'truth', 'prediction', 'attention']

interface ViewerProps {
  id: string
  page: CasePage
  /** of the structures, in their order */
  visible: readonly boolean[]
}

/** The volumes of a case, with their opacities. */
export function Viewer({ id, page, visible }: ViewerProps): JSX.Element {
  const { row, structures } = page
  const canvas = useRef<HTMLCanvasElement>(null)
  const [view, setView] = useState<ScanView>()
  const [problem, setProblem] = useState<string>()
  const [opacities, setOpacities] = useState(START)
  const [looked, lookAt] = useState(0)
  const layers = LAYERS.filter(layer => page.layers.includes(layer))
  const hasAttention = layers.includes('attention')
  useEffect(() => {
    let isOpen = true
    let made: ScanView | undefined
    setView(undefined)
    const show = async (): Promise<void> => {
      // half a megabyte that only this page needs
      const { ScanView } = await import('./scan_view.ts')
      if (!isOpen) return
      made = new ScanView()
      const urlOf = (layer: Layer): string =>
        new URL(
          apiUrl('volume', { id, case: row.sample, layer, structure: layer === 'attention' ? looked : undefined }),
          location.href,
        ).href
      await made.show(
        canvas.current!,
        layers.map(layer => ({ layer, url: urlOf(layer) })),
      )
      if (isOpen) setView(made)
    }
    if (layers.length > 0)
      show().catch(error => isOpen && setProblem(`This case cannot be shown: ${(error as Error).message}`))
    return () => {
      isOpen = false
      made?.close()
    }
  }, [id, row.sample, layers.join(), hasAttention && looked])
  useEffect(() => view?.setStructures(visible, structures), [view, visible.join()])
  useEffect(() => {
    for (const layer of layers) view?.setOpacity(layer, opacities[layer])
  }, [view, opacities])
  const setOpacity = (layer: Layer, opacity: number): void => setOpacities(before => ({ ...before, [layer]: opacity }))
  return h('div', {}, [
    h('div', { class: 'view' }, [
      h('canvas', {
        key: looked,
        ref: canvas,
        tabIndex: 0,
        role: 'img',
        'aria-label': `${row.name} in three planes and 3D: ${layers.join(', ')}`,
        class: view ? 'shown' : '',
      }),
    ]),
    problem === undefined ? null : h('p', { class: 'bad', role: 'alert' }, problem),
    h(
      'div',
      { class: 'tools' },
      layers.map(layer => h(Opacity, { key: layer, layer, value: opacities[layer], setOpacity })),
    ),
    hasAttention
      ? h('label', {}, [
          'Attention of ',
          h(
            'select',
            {
              value: looked,
              onChange: (event: TargetedEvent<HTMLSelectElement>) => lookAt(Number(event.currentTarget.value)),
            },
            structures.map((name, s) => h('option', { key: name, value: s }, name)),
          ),
        ])
      : null,
  ])
}

interface OpacityProps {
  layer: Layer
  value: number
  setOpacity: (layer: Layer, opacity: number) => void
}

function Opacity({ layer, value, setOpacity }: OpacityProps): JSX.Element {
  return h('label', {}, [
    `${layer} `,
    h('input', {
      type: 'range',
      min: 0,
      max: 1,
      step: 0.05,
      value,
      'aria-label': `Opacity of the ${layer}`,
      onInput: event => setOpacity(layer, Number(event.currentTarget.value)),
    }),
  ])
}
