import { messageOf } from '../../util/error.ts'
import { rasterise } from '../chart/rasterise.ts'
import { type ComparisonFigure, comparisonFigure } from '../figures/comparison_figure.ts'
import { confusionFigure } from '../figures/confusion_figure.ts'
import type { EvaluationResults, FigureName } from '../figures/frame.ts'
import { presenceFigure } from '../figures/presence_figure.ts'
import { scenarioFigure } from '../figures/scenario_figure.ts'
import { segmentationFigure } from '../figures/segmentation_figure.ts'
import { type Curves, trainingCurves } from '../figures/training_curves.ts'
import { type AttentionRow, attentionOverview } from '../sample/attention_overview.ts'
import { overlay } from '../sample/overlay.ts'
import { structurePictures } from '../sample/structure_pictures.ts'
import type { SampleView } from '../sample/view.ts'

/** Everything that can be drawn. Plain data, since drawing happens in another thread. */
export type Subject =
  | { curves: Curves }
  | { sample: SampleView }
  | { structures: SampleView }
  | { attention: readonly AttentionRow[] }
  | { evaluation: EvaluationResults; figure: FigureName }
  | { comparison: ComparisonFigure }

export interface Drawing {
  svg: string
  /** The same picture as PNG; undefined if it could not be rasterised. */
  png: Uint8Array | undefined
  /** Why there is no PNG. */
  reason?: string
}

const FIGURES: Readonly<Record<FigureName, (results: EvaluationResults) => string>> = {
  presence_detection_metrics: presenceFigure,
  segmentation_metrics: segmentationFigure,
  scenario_analysis: scenarioFigure,
  confusion_matrices: confusionFigure,
}

export async function draw(subject: Subject): Promise<Drawing> {
  const svg = svgOf(subject)
  try {
    return { svg, png: await rasterise(svg) }
  } catch (error) {
    return { svg, png: undefined, reason: messageOf(error).split('\n')[0]! }
  }
}

function svgOf(subject: Subject): string {
  if ('curves' in subject) return trainingCurves(subject.curves)
  if ('sample' in subject) return overlay(subject.sample)
  if ('structures' in subject) return structurePictures(subject.structures)
  if ('attention' in subject) return attentionOverview(subject.attention)
  if ('comparison' in subject) return comparisonFigure(subject.comparison)
  return FIGURES[subject.figure](subject.evaluation)
}
