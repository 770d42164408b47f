import type { Subject } from '../report/drawing/drawing.ts'
import { illustrator } from '../report/drawing/illustrator.ts'
import { type EvaluationResults, FIGURE_NAMES, type FigureName } from '../report/figures/frame.ts'
import { type PagePicture, type ReportPage, reportPage } from '../report/page/page.ts'
import { type AttentionRow, attentionRow } from '../report/sample/attention_overview.ts'
import { packageFile } from '../track/provenance.ts'
import { messageOf } from '../util/error.ts'
import { ResultFolder } from '../util/files/result_folder.ts'
import type { EvaluatedSample, Evaluation } from './evaluation.ts'

const PAGE = 'report.html'
const OVERVIEW = 'attention_maps_overview'
const FIXED_NAMES = new Set([PAGE, ...[OVERVIEW, ...FIGURE_NAMES].map(name => `${name}.png`)])
const ON_PAGE = 8 // samples in the report, about 1 MB each

/**
 * Pictures of an evaluation as PNG files, and all of them in report.html. They are optional: if one cannot be drawn or written, that is a
 * warning and the evaluation stands. Draws samples as they arrive, one at a time.
 */
export class EvaluationPictures {
  private readonly folder: ResultFolder
  private readonly warn: (line: string) => void
  private readonly samples: ReportPage['samples'][number][] = []
  private readonly attention: AttentionRow[] = []
  private readonly written: string[] = []
  private seen = 0

  /**
   * `output`: folder for the results; `overwrite`: replace files there that are not results of this program. Throws InputError if it is not
   * set and report.html or a figure is such a file.
   */
  constructor(output: string, warn: (line: string) => void, { overwrite }: { overwrite?: boolean } = {}) {
    this.folder = new ResultFolder(output, { overwrite })
    this.warn = warn
    this.folder.claim([...FIXED_NAMES])
  }

  /** comprehensive_analysis_sample_N.png and segmentation_analysis_sample_N.png, N the sample's index in the split. */
  async add({ sample, view }: EvaluatedSample): Promise<void> {
    this.seen++
    const pictures = [
      await this.drawn(`comprehensive_analysis_sample_${sample}`, { sample: view }, `${view.title}: three planes`),
      await this.drawn(`segmentation_analysis_sample_${sample}`, { structures: view }, `${view.title}: each structure`),
    ].filter(picture => picture !== undefined)
    if (this.samples.length >= ON_PAGE) return
    this.samples.push({ title: view.title, pictures })
    const row = attentionRow(view)
    if (row) this.attention.push(row)
  }

  /** Draws the figures and writes report.html. Returns the paths of all files written. */
  async finish({ head, metrics, cases }: Evaluation): Promise<string[]> {
    const evaluation: EvaluationResults = { head, metrics, cases }
    const figures: Partial<Record<FigureName, PagePicture>> = {}
    for (const figure of FIGURE_NAMES) {
      const picture = await this.drawn(figure, { evaluation, figure }, ALT[figure])
      if (picture) figures[figure] = picture
    }
    const alt = 'Where the model looked for each structure of the pictured samples'
    const attention = this.attention.length ? await this.drawn(OVERVIEW, { attention: this.attention }, alt) : undefined
    const { samples, seen } = this
    const note = `${samples.length} of ${seen} pictured samples are shown here; the folder of this report has all of them.`
    const page: ReportPage = {
      ...evaluation,
      date: new Date().toISOString(),
      version: packageFile().version,
      figures,
      samples,
      attention,
      ...(samples.length < seen ? { note } : {}),
    }
    this.write(PAGE, () => Buffer.from(reportPage(page)))
    return this.written
  }

  private async drawn(name: string, subject: Subject, alt: string): Promise<PagePicture | undefined> {
    const drawing = await illustrator.draw(subject, this.warn)
    const { svg, png } = drawing ?? {}
    if (png) this.write(`${name}.png`, () => png)
    return svg === undefined ? undefined : { svg, alt }
  }

  private write(name: string, make: () => Uint8Array): void {
    try {
      this.written.push(this.folder.write(name, [make()]))
    } catch (error) {
      this.warn(messageOf(error))
    }
  }
}

/** Removes the pictures and the report that an earlier evaluation, perhaps of another model or split, wrote. */
export function removePictures(folder: ResultFolder): void {
  folder.remove(name => FIXED_NAMES.has(name) || /^(comprehensive|segmentation)_analysis_sample_\d+\.png$/.test(name))
}

const ALT: Readonly<Record<FigureName, string>> = {
  presence_detection_metrics:
    'Accuracy, precision, recall, F1, areas under curves, absence sensitivity and specificity of each structure; reliability diagram; probabilities by ground truth',
  segmentation_metrics: 'Dice and Hausdorff distance of each structure: every sample, quartiles, means with intervals',
  scenario_analysis: 'Samples predicted correctly, and structures present and predicted, for each scenario',
  confusion_matrices: 'Confusion matrix of true and predicted presence for each structure',
}
