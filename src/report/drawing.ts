import { type Curves, trainingCurves } from './curves.ts'
import { overlay, type SampleView } from './overlay.ts'
import { rasterise } from './rasterise.ts'

/** What can be drawn; plain data, so that it can be drawn in another thread. */
export type Subject = { curves: Curves } | { sample: SampleView }

export interface Drawing {
  svg: string
  /** The same as PNG; undefined where that is not possible here. */
  png: Uint8Array | undefined
  /** Why there is no PNG. */
  reason?: string
}

export async function draw(subject: Subject): Promise<Drawing> {
  const svg = 'curves' in subject ? trainingCurves(subject.curves) : overlay(subject.sample)
  try {
    return { svg, png: await rasterise(svg) }
  } catch (error) {
    return { svg, png: undefined, reason: (error as Error).message.split('\n')[0]! }
  }
}
