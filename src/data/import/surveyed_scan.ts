import type { LabelContent } from './labels.ts'
import type { Source, SourceScan } from './sources.ts'
import type { LabelledStructure } from './structures.ts'

/** A scan whose label has been surveyed. */
export interface SurveyedScan extends SourceScan, LabelContent {
  source: Source
  /** (S): the dataset's structures that are annotated in it, as its source marks them; undefined for the others */
  known: (LabelledStructure | undefined)[]
  /** (S): 1 present in the scan, 0 absent, −1 not annotated */
  presence: number[]
}
