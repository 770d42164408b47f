import { h, type JSX, type TargetedEvent } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Layer } from '../../wire/results.ts'
import type { LabelLayer, ScanView } from './scan_view.ts'

const START: Readonly<Record<Layer, number>> = { scan: 1, truth: 0, prediction: 0.6, attention: 0 }
const LAYERS: readonly Layer[] = ['scan', 'truth', 'prediction', 'attention']

/** The code of the viewer, a megabyte that only a page with a scan needs. Later calls give the same. */
export const loadScanView = () => import('./scan_view.ts')

export interface ViewerProps {
  /** of the case */
  name: string
  structures: readonly string[]
  /** those that there are */
  layers: readonly Layer[]
  /** NIfTI of a layer; `structure` is the one whose attention is shown */
  read: (layer: Layer, structure: number) => Promise<ArrayBuffer>
  /** of the structures, in their order */
  visible: Readonly<Record<LabelLayer, readonly boolean[]>>
}

/** The volumes of a case in three planes and 3D, with their opacities. Another case needs another key. */
export function Viewer({ name, structures, layers: given, read, visible }: ViewerProps): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null)
  const [view, setView] = useState<ScanView>()
  const [problem, setProblem] = useState<string>()
  const [opacities, setOpacities] = useState(START)
  const [looked, lookAt] = useState(0)
  const layers = LAYERS.filter(layer => given.includes(layer))
  const hasAttention = layers.includes('attention')
  useEffect(() => {
    let isOpen = true
    let made: ScanView | undefined
    setView(undefined)
    const show = async (): Promise<void> => {
      const { ScanView } = await loadScanView()
      const volumes = await Promise.all(layers.map(async layer => ({ layer, bytes: await read(layer, looked) })))
      if (!isOpen) return
      made = new ScanView()
      await made.show(canvas.current!, volumes)
      if (isOpen) setView(made)
    }
    if (layers.length > 0)
      show().catch(error => isOpen && setProblem(`This case cannot be shown: ${(error as Error).message}`))
    return () => {
      isOpen = false
      made?.close()
    }
  }, [layers.join(), hasAttention && looked])
  useEffect(() => view?.setStructures(visible, structures), [view, visible.truth.join(), visible.prediction.join()])
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
        'aria-label': `${name} in three planes and 3D: ${layers.join(', ')}`,
        class: view ? 'shown' : '',
      }),
    ]),
    problem === undefined ? null : h('p', { class: 'bad', role: 'alert' }, problem),
    h('div', { class: 'tools' }, [
      layers.map(layer => h(Opacity, { key: layer, layer, value: opacities[layer], setOpacity })),
      hasAttention
        ? h('label', {}, [
            'attention of ',
            h(
              'select',
              {
                value: looked,
                onChange: (event: TargetedEvent<HTMLSelectElement>) => lookAt(Number(event.currentTarget.value)),
              },
              structures.map((each, s) => h('option', { key: each, value: s }, each)),
            ),
          ])
        : null,
    ]),
  ])
}

interface OpacityProps {
  layer: Layer
  value: number
  setOpacity: (layer: Layer, opacity: number) => void
}

function Opacity({ layer, value, setOpacity }: OpacityProps): JSX.Element {
  return h('label', { class: 'opacity' }, [
    h('span', {}, layer),
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
