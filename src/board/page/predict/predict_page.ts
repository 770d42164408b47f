import { h, type JSX } from 'preact'
import { useEffect, useMemo, useReducer } from 'preact/hooks'
import { formatBytes } from '../../../run/memory.ts'
import type { Report } from './messages.ts'
import { Picker } from './picker.ts'
import { Predictor } from './predictor.ts'
import { Results } from './results.ts'
import { after, NOTHING, type State } from './state.ts'

/** What the user or the thread does. */
type Action =
  | { kind: 'report'; report: Report }
  | { kind: 'open'; file: File }
  | { kind: 'predict'; scan: File }
  | { kind: 'refuse'; line: string }

function next(state: State, action: Action): State {
  switch (action.kind) {
    case 'report':
      return after(state, action.report)
    case 'open':
      return { ...NOTHING, file: action.file, work: { what: 'Reading the model', done: 0, all: 1 } }
    case 'predict':
      return {
        ...state,
        scan: action.scan,
        work: { what: 'Reading', done: 0, all: 1 },
        said: [],
        found: undefined,
        failure: undefined,
      }
    case 'refuse':
      return { ...state, failure: action.line }
  }
}

/** Why this page cannot predict; undefined if it can. */
function obstacle(): string | undefined {
  if (!isSecureContext)
    return `Browsers offer the GPU only to pages that came over https or from this machine itself. Serve this page over https, or forward its port (ssh -L 6060:localhost:${location.port || 80} ${location.hostname}) and open http://localhost:6060${location.pathname}`
  if (!('gpu' in navigator))
    return 'This browser has no WebGPU. Chrome and Edge have it from version 113, Safari from 26, Firefox from 141 on Windows; or use sadaan-gpu predict.'
  return undefined
}

/** Whether the page was exported, without the board's other pages. */
const isAlone = document.documentElement.dataset.alone !== undefined

/** Segments scans in the browser. */
export function PredictPage(): JSX.Element {
  const [state, dispatch] = useReducer(next, NOTHING)
  const predictor = useMemo(() => new Predictor(report => dispatch({ kind: 'report', report })), [])
  useEffect(() => () => predictor.cancel(), [predictor])
  const wrong = obstacle()
  const open = (file: File): void => {
    dispatch({ kind: 'open', file })
    predictor.open(file).catch(error => dispatch({ kind: 'refuse', line: String(error) }))
  }
  const cancel = (): void => {
    const { file, model } = state
    predictor.cancel()
    // a scan was cancelled: the model is opened again for the next one
    if (file && model) open(file)
    else dispatch({ kind: 'report', report: { kind: 'failed', line: 'Cancelled.' } })
  }
  return h('div', {}, [
    h('header', { class: 'top' }, [
      h('strong', {}, 'sadaan-gpu'),
      isAlone
        ? null
        : h('nav', { 'aria-label': 'Pages' }, [
            h('a', { href: '../#/' }, 'Runs'),
            h('a', { href: '../#/results' }, 'Results'),
            h('a', { href: './', 'aria-current': 'page' }, 'Segment a scan'),
          ]),
    ]),
    h('main', { class: 'predict' }, [
      h('h1', {}, 'Segment a scan'),
      h(
        'p',
        { class: 'faint' },
        'Model and scan stay on this machine: the page computes on its GPU and sends nothing.',
      ),
      wrong === undefined
        ? [
            h(ModelPicker, { state, open }),
            state.model && h(ScanPicker, { state, predict: scanPrediction(predictor, dispatch, state) }),
            h(Status, { state, cancel }),
            state.found && state.model && h(Results, { found: state.found, model: state.model, file: state.scan! }),
          ]
        : h('p', { class: 'bad', role: 'alert' }, wrong),
    ]),
  ])
}

function scanPrediction(
  predictor: Predictor,
  dispatch: (action: Action) => void,
  { model }: State,
): (files: File[], isSlidOver: boolean) => void {
  return (files, isSlidOver) => {
    const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1))
    dispatch({ kind: 'predict', scan: sorted[0]! })
    predictor.predict(sorted, isSlidOver && model!.canSlide)
  }
}

function ModelPicker({
  state: { plan, model, work },
  open,
}: {
  state: State
  open: (file: File) => void
}): JSX.Element {
  return h('section', { 'aria-label': 'Model' }, [
    h(Picker, {
      label: 'Model (.pth, .pt or .safetensors)',
      accept: '.pth,.pt,.safetensors',
      isMany: false,
      isBusy: work !== undefined,
      pick: ([file]) => open(file!),
    }),
    plan &&
      h(
        'p',
        { class: 'faint', 'data-plan': plan.memory },
        `Needs ${formatBytes(plan.memory)} of the memory of ${plan.adapter}.`,
      ),
    model &&
      h(
        'p',
        { 'data-model': model.name },
        `${model.name}: ${model.structureNames.length} structures, ${model.size.join('×')} voxels, expects ${model.channelNames.join(', ')}.`,
      ),
  ])
}

function ScanPicker({
  state: { model, work },
  predict,
}: {
  state: State
  predict: (files: File[], isSlidOver: boolean) => void
}): JSX.Element {
  const { channelNames, canSlide } = model!
  const several =
    channelNames.length > 1 ? `; one file for each channel, in the order of their names, or one for all` : ''
  return h('section', { 'aria-label': 'Scan' }, [
    canSlide &&
      h('label', {}, [
        h('input', { type: 'checkbox', id: 'slide', defaultChecked: true }),
        ' slide windows over the whole scan (the model was trained on patches)',
      ]),
    h(Picker, {
      label: `Scan (.nii or .nii.gz${several})`,
      accept: '.nii,.gz',
      isMany: channelNames.length > 1,
      isBusy: work !== undefined,
      pick: files => predict(files, document.querySelector<HTMLInputElement>('#slide')?.checked ?? false),
    }),
  ])
}

function Status({ state: { work, said, failure }, cancel }: { state: State; cancel: () => void }): JSX.Element {
  return h('section', { 'aria-label': 'Progress', 'aria-live': 'polite' }, [
    work && [
      h('label', {}, [`${work.what} `, h('progress', { value: work.done, max: work.all })]),
      h('span', { class: 'faint' }, ` ${work.done} of ${work.all} `),
      h('button', { type: 'button', onClick: cancel }, 'Cancel'),
    ],
    failure && h('p', { class: 'bad', role: 'alert' }, failure),
    said.length > 0 &&
      h(
        'ul',
        { class: 'faint' },
        said.map(line => h('li', {}, line)),
      ),
  ])
}
