import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { confusionFigure } from '../../../src/report/figures/confusion_figure.ts'
import type { EvaluationResults } from '../../../src/report/figures/frame.ts'
import { presenceFigure } from '../../../src/report/figures/presence_figure.ts'
import { scenarioFigure } from '../../../src/report/figures/scenario_figure.ts'
import { segmentationFigure } from '../../../src/report/figures/segmentation_figure.ts'
import { type ReportPage, reportPage } from '../../../src/report/page/page.ts'
import { attentionOverview, attentionRow } from '../../../src/report/sample/attention_overview.ts'
import { overlay } from '../../../src/report/sample/overlay.ts'
import type { VolumeSize } from '../../../src/report/sample/slice.ts'
import { structurePictures } from '../../../src/report/sample/structure_pictures.ts'
import { madeEvaluation, madeSample, organNames } from '../made_evaluation.ts'
import { readPage } from './read_html.ts'

const HOSTILE =
  '<script>alert(1)</script>" onload="x" \u202eשלום\u0000 🫁 & a name that goes on and on and on and on and on and on'

function pageOf(
  names: readonly string[],
  size: VolumeSize,
  count: number,
  more: Parameters<typeof madeEvaluation>[1] = {},
): ReportPage {
  const head = {
    weights: `models/${names[0]}.pth`,
    dataset: 'data/heads',
    split: 'test',
    samples: more.samples ?? 40,
    size,
    presenceThreshold: 0.5,
    adapter: 'llvmpipe',
    warnings: [],
  }
  const evaluation: EvaluationResults = { head, ...madeEvaluation(names, more) }
  const views = Array.from({ length: count }, (_, i) => madeSample(names, size, `sample ${i} ${names[0]}`, 3 + i))
  return {
    ...evaluation,
    date: '2026-11-23T16:00:00.000Z',
    version: '0.1.0',
    figures: {
      presence_detection_metrics: { svg: presenceFigure(evaluation), alt: 'presence' },
      segmentation_metrics: { svg: segmentationFigure(evaluation), alt: 'segmentation' },
      scenario_analysis: { svg: scenarioFigure(evaluation), alt: 'scenarios' },
      confusion_matrices: { svg: confusionFigure(evaluation), alt: 'confusion' },
    },
    samples: views.map(view => ({
      title: view.title,
      pictures: [
        { svg: overlay(view), alt: view.title },
        { svg: structurePictures(view), alt: view.title },
      ],
    })),
    attention: { svg: attentionOverview(views.map(view => attentionRow(view)!)), alt: 'attention' },
  }
}

test('one file: well formed, self-contained, no duplicate id, small', () => {
  const html = reportPage(pageOf(organNames(13), [32, 32, 16], 3))
  const { elements, references, text } = readPage(html)
  expect(references.length).toBeGreaterThan(50)
  expect(
    references.filter(reference => !/^(href|src)="(#[\w-]+|data:image\/png;base64,[\w+/=]+)"$/.test(reference)),
  ).toEqual([])
  expect(html).not.toMatch(/@import|url\(|\bstyle="/)
  const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id)
  expect(new Set(ids).size).toBe(ids.length)
  for (const [, target] of html.matchAll(/href="#([^"]*)"/g)) expect(ids).toContain(target)
  expect(elements.filter(name => name === 'svg').length).toBeGreaterThan(10)
  expect(html.length).toBeLessThan(5e6)
  expect(text).not.toMatch(/NaN|Infinity/)
  for (const said of ['Evaluation of', 'For research only; not a medical device', 'Brier score', 'subject_3', 'Gated'])
    expect(text).toContain(said)
})

test('its policy allows the page’s own style and script and nothing else', () => {
  const html = reportPage(pageOf(organNames(2), [16, 16, 16], 0, { samples: 3 }))
  const policy = html.match(/http-equiv="Content-Security-Policy" content="([^"]*)"/)![1]!.replaceAll('&#39;', "'")
  const digestOf = (name: string): string => {
    const [, content] = html.match(new RegExp(`<${name}>([\\s\\S]*?)</${name}>`))!
    return createHash('sha256').update(content!).digest('base64')
  }
  expect(policy.split('; ')).toEqual([
    "default-src 'none'",
    'img-src data:',
    `style-src 'sha256-${digestOf('style')}'`,
    `script-src 'sha256-${digestOf('script')}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ])
})

test('every picture has a text alternative, every table a caption', () => {
  const html = reportPage(pageOf(organNames(3), [16, 16, 16], 1, { samples: 5 }))
  const outer = [...html.matchAll(/<figure[^>]*>(<svg [^>]*>)/g)].map(([, svg]) => svg!)
  expect(outer).toHaveLength(7)
  for (const svg of outer) expect(svg).toMatch(/role="img" aria-label="[^"]+"/)
  const { elements } = readPage(html)
  const count = (name: string): number => elements.filter(each => each === name).length
  expect(count('caption')).toBe(count('table'))
  expect(count('h1')).toBe(1)
})

test('hostile names are text; one sample, nothing absent, no scenario: undefined, never NaN', () => {
  const page = pageOf([HOSTILE], [16, 16, 16], 1, { samples: 1, absent: 0, scenarios: [] })
  const html = reportPage(page)
  const { elements, text } = readPage(html)
  expect(elements.filter(name => name === 'script')).toHaveLength(1)
  expect(html).not.toMatch(/onload="|<script>alert/)
  expect(text).toContain('<script>alert(1)</script>" onload="x"')
  expect(text).toContain('The dataset names no scenarios.')
  expect(text).toMatch(/Absence sensitivity\s+–/)
  expect(text).not.toMatch(/NaN|Infinity/)
})

test('no known pair at all', () => {
  const page = pageOf(['liver'], [16, 16, 16], 0, { samples: 0 })
  const { text } = readPage(reportPage(page))
  expect(text).toMatch(/Presence accuracy\s+–/)
  expect(text).toMatch(/Expected calibration error\s+–/)
  expect(text).not.toMatch(/NaN|Infinity/)
})
