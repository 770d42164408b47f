import type { Found, ModelFacts, Report } from './messages.ts'

/** What the page shows. */
export interface State {
  /** the model that was picked */
  file: File | undefined
  /** what it needs on the GPU, known before it gets it */
  plan: { adapter: string; memory: number } | undefined
  /** once it is on the GPU */
  model: ModelFacts | undefined
  /** the scan that was picked, or its first channel */
  scan: File | undefined
  /** undefined if nothing is being done */
  work: { what: string; done: number; all: number } | undefined
  /** what the user may not expect of this model and this scan */
  said: readonly string[]
  found: Found | undefined
  failure: string | undefined
}

export const NOTHING: State = {
  file: undefined,
  plan: undefined,
  model: undefined,
  scan: undefined,
  work: undefined,
  said: [],
  found: undefined,
  failure: undefined,
}

const LOST =
  'The browser lost the GPU: its driver was reset, its memory ran out, or the system took it away. Nothing left this machine. Open the model again; if it happens again, close other programs that use the GPU, or use sadaan-gpu predict.'

/** The state after a report of the thread. */
export function after(state: State, report: Report): State {
  switch (report.kind) {
    case 'planned':
      return { ...state, plan: report }
    case 'model':
      return { ...state, model: report.model, work: undefined }
    case 'progress':
      return { ...state, work: report }
    case 'said':
      return { ...state, said: [...state.said, report.line] }
    case 'found':
      return { ...state, found: report.found, work: undefined }
    case 'failed':
      return { ...state, failure: report.line, work: undefined }
    case 'lost':
      return { ...state, failure: `${LOST} (${report.line})`, model: undefined, work: undefined }
  }
}
