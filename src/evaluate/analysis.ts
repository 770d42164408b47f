import { COMPARED_SPLITS, type ComparedSplit, parseCompared } from '../report/comparison.ts'
import { contradictions } from '../report/comparison_facts.ts'
import { illustrator } from '../report/drawing/illustrator.ts'
import { COMPARISON_NAMES } from '../report/figures/comparison_figure.ts'
import { comparisonReport, findings } from '../report/text/comparison_report.ts'
import { ResultFolder } from '../util/files/result_folder.ts'
import { withOutputFolder } from '../util/output_folder.ts'
import { readText } from '../util/whole_file.ts'

export interface AnalysisRequest {
  /** detailed_metrics.json of each split, from this program or the original */
  files: Readonly<Record<ComparedSplit['name'], string>>
  /** folder for the results */
  output: string
  /** replace files there that are not results of this program */
  overwrite?: boolean
  say(line: string): void
}

export interface Analysis {
  /** the largest gaps in words */
  findings: string[]
  /** analysis_report.txt and the pictures */
  files: string[]
}

const REPORT = 'analysis_report.txt'
const EVALUATION = 'the detailed_metrics.json of an evaluation'

/**
 * Compares the evaluations of training, validation and test in analysis_report.txt and four PNGs. Throws InputError if a file is not an
 * evaluation, two have no structure in common, or one of the results would replace a file that is none, and then writes nothing. Tells `say`
 * what makes them incomparable. A picture that cannot be drawn is only a warning.
 */
export async function analyse({ files, output, overwrite, say }: AnalysisRequest): Promise<Analysis> {
  const splits = COMPARED_SPLITS.map(name => parseCompared(readText(files[name], EVALUATION), name, files[name]))
  for (const line of contradictions(splits)) say(`warning: ${line}`)
  const folder = new ResultFolder(output, { overwrite })
  folder.claim([REPORT, ...COMPARISON_NAMES.map(pictureName)])
  return withOutputFolder(output, async () => {
    const written = [folder.write(REPORT, [Buffer.from(comparisonReport(splits))])]
    for (const figure of COMPARISON_NAMES) {
      const drawing = await illustrator.draw({ comparison: { figure, splits } }, line => say(`warning: ${line}`))
      if (drawing?.png) written.push(folder.write(pictureName(figure), [drawing.png]))
    }
    return { findings: findings(splits), files: written }
  })
}

function pictureName(figure: string): string {
  return `${figure}.png`
}
