import { join } from 'node:path'
import { COMPARED_SPLITS, type ComparedSplit, parseCompared } from '../report/comparison.ts'
import { illustrator } from '../report/drawing/illustrator.ts'
import { COMPARISON_NAMES } from '../report/figures/comparison_figure.ts'
import { comparisonReport, findings } from '../report/text/comparison_report.ts'
import { withOutputFolder } from '../util/output_folder.ts'
import { readText, writeText, writeWhole } from '../util/whole_file.ts'

export interface AnalysisRequest {
  /** detailed_metrics.json of each split, from this program or the original */
  files: Readonly<Record<ComparedSplit['name'], string>>
  /** folder for the results */
  output: string
  say(line: string): void
}

export interface Analysis {
  /** the largest gaps in words */
  findings: string[]
  /** analysis_report.txt and the pictures */
  files: string[]
}

const EVALUATION = 'the detailed_metrics.json of an evaluation'

/**
 * Compares the evaluations of training, validation and test in analysis_report.txt and four PNGs. Throws InputError if a file is not an
 * evaluation, and then writes nothing. A picture that cannot be drawn is only a warning.
 */
export async function analyse({ files, output, say }: AnalysisRequest): Promise<Analysis> {
  const splits = COMPARED_SPLITS.map(name => parseCompared(readText(files[name], EVALUATION), name, files[name]))
  return withOutputFolder(output, async () => {
    const report = join(output, 'analysis_report.txt')
    writeText(report, comparisonReport(splits))
    const written = [report]
    for (const figure of COMPARISON_NAMES) {
      const drawing = await illustrator.draw({ comparison: { figure, splits } }, line => say(`warning: ${line}`))
      if (!drawing?.png) continue
      const path = join(output, `${figure}.png`)
      writeWhole(path, [drawing.png])
      written.push(path)
    }
    return { findings: findings(splits), files: written }
  })
}
