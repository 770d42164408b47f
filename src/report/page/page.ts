import { createHash } from 'node:crypto'
import { escaped } from '../chart/svg.ts'
import { type Interval, LEAST_FOR_INTERVAL } from '../detailed_metrics.ts'
import { counted, type EvaluationResults, type FigureName, intervalLabel } from '../figures/frame.ts'
import { DEFINITIONS } from './definitions.ts'
import { given, type Html, tag, UNDEFINED } from './html.ts'
import { SCRIPT, STYLE } from './style.ts'
import { calibrationTable, casesTables, presenceTables, scenarioTable, segmentationTable } from './tables.ts'

/** A picture (SVG) and its text alternative. */
export interface PagePicture {
  svg: string
  alt: string
}

/** The content of an evaluation report. */
export interface ReportPage extends EvaluationResults {
  /** time of the evaluation, ISO 8601 */
  date: string
  /** of this program */
  version: string
  figures: Readonly<Partial<Record<FigureName, PagePicture>>>
  /** of selected samples; a title is arbitrary text */
  samples: readonly { title: string; pictures: readonly PagePicture[] }[]
  attention: PagePicture | undefined
  /** about pictures that the page omits */
  note?: string
}

/** The report as one self-contained HTML file: it loads no script, style, font or picture. Texts are escaped. */
export function reportPage(page: ReportPage): Html {
  const { head } = page
  const title = `Evaluation: ${head.split} of ${head.dataset}`
  const sections = sectionsOf(page)
  const nav = sections.map(({ id, title }) => tag('li', {}, tag('a', { href: `#${id}` }, title)))
  const body = [
    tag('header', {}, heading(page), tag('nav', { 'aria-label': 'Sections' }, tag('ul', {}, ...nav))),
    tag(
      'main',
      {},
      ...sections.map(({ id, title, content }) => tag('section', { id }, tag('h2', {}, title), ...content)),
    ),
    tag(
      'footer',
      {},
      `Created by sadaan-gpu ${escaped(page.version)}. For research only; not a medical device, not for diagnosis or treatment.`,
    ),
    tag('script', {}, SCRIPT),
  ]
  const meta = [
    tag('meta', { charset: 'utf-8' }),
    tag('meta', { 'http-equiv': 'Content-Security-Policy', content: policy() }),
    tag('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
    tag('title', {}, escaped(title)),
    tag('style', {}, STYLE),
  ]
  return `<!DOCTYPE html>\n${tag('html', { lang: 'en' }, tag('head', {}, ...meta), '\n', tag('body', {}, body.join('\n')))}\n`
}

/** Forbids all loading, and allows only the page's own style and script. */
function policy(): string {
  const digest = (content: string): string => `'sha256-${createHash('sha256').update(content).digest('base64')}'`
  return [
    "default-src 'none'",
    'img-src data:',
    `style-src ${digest(STYLE)}`,
    `script-src ${digest(SCRIPT)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
}

function heading({ head, metrics, date, version }: ReportPage): Html {
  const structures = Object.keys(metrics.presence_per_structure).length
  const models = [head.weights].flat()
  const facts: [string, string][] = [
    ...models.map((path): [string, string] => ['Weights', path]),
    ['Dataset', `${head.dataset}, ${head.split}`],
    ['Samples', `${head.samples}, ${counted(structures, 'structure')}`],
    ['Volume', `${head.size.join(' × ')} voxels`],
    ['Presence threshold', String(head.presenceThreshold)],
    ['Adapter', head.adapter],
    ...head.warnings.map((line): [string, string] => ['Warning', line]),
    ['Date', date.replace(/T(\d+:\d+).*/, ' $1 UTC')],
    ['Program', `sadaan-gpu ${version}`],
  ]
  const list = facts.map(([term, value]) => tag('div', {}, tag('dt', {}, term), tag('dd', {}, given(value))))
  return tag('h1', {}, 'Evaluation of ', given(titleOf(models))) + tag('dl', { class: 'facts' }, ...list)
}

function titleOf(models: readonly string[]): string {
  const [only] = models
  return models.length === 1 ? only!.split(/[\\/]/).at(-1)! : `the mean of ${models.length} models`
}

interface Section {
  id: string
  title: string
  content: Html[]
}

function sectionsOf(page: ReportPage): Section[] {
  const { metrics, figures, cases } = page
  const figure = (name: FigureName): Html => (figures[name] ? pictureOf(figures[name]) : '')
  const hasScenarios = Object.keys(metrics.scenario_based).length > 0
  return [
    { id: 'key', title: 'Key metrics', content: [cards(page)] },
    {
      id: 'presence',
      title: 'Presence',
      content: [figure('presence_detection_metrics'), figure('confusion_matrices'), ...presenceTables(metrics)],
    },
    {
      id: 'segmentation',
      title: 'Segmentation',
      content: [figure('segmentation_metrics'), segmentationTable(metrics)],
    },
    { id: 'calibration', title: 'Calibration', content: [calibrationTable(metrics)] },
    {
      id: 'scenarios',
      title: 'Scenarios',
      content: [hasScenarios ? figure('scenario_analysis') : '', scenarioTable(metrics)],
    },
    { id: 'worst', title: 'Worst cases', content: casesTables(cases, metrics.distance_unit) },
    { id: 'samples', title: 'Samples', content: sampleSection(page) },
    { id: 'definitions', title: 'Definitions', content: [DEFINITIONS] },
  ]
}

function cards({ metrics }: ReportPage): Html {
  const { absence_overall: absence, presence_calibration: calibration, confidence_intervals: ci } = metrics
  const { segmentation_overall: masks, segmentation_overall_gated: gated } = metrics
  const unit = metrics.distance_unit === 'mm' ? ' mm' : ' voxels'
  const [absent, present] = [`${absence.num_absent} absent pairs`, `${absence.num_present} present pairs`]
  const all: Parameters<typeof card>[] = [
    [
      'Presence accuracy',
      metrics.presence_overall_accuracy,
      ci.presence_overall_accuracy,
      'known pairs predicted correctly',
    ],
    ['Absence sensitivity', absence.sensitivity, ci.absence_sensitivity, `predicted absent, of ${absent}`],
    ['Absence specificity', absence.specificity, ci.absence_specificity, `predicted present, of ${present}`],
    ['Mean Dice', masks.mean_dice, ci.mean_dice, 'where the structure is present'],
    ['Mean Dice, gated', gated.mean_dice, null, 'empty mask if predicted absent'],
    ['Mean IoU', masks.mean_iou, ci.mean_iou, 'where the structure is present'],
    ['HD95', masks.mean_hd95, ci.mean_hd95, '95th percentile of surface distances', unit],
    ['Surface distance', masks.mean_surface_distance, ci.mean_surface_distance, 'mean over both directions', unit],
    ['Calibration error', calibration.expected_calibration_error, null, 'ECE of presence, 0 is best'],
  ]
  const note = `In parentheses: 95 % bootstrap intervals from ${ci.resamples} resamples of the samples; none from fewer than ${LEAST_FOR_INTERVAL} samples.`
  return tag('div', { class: 'cards' }, ...all.map(words => card(...words))) + tag('p', { class: 'faint' }, note)
}

function card(title: string, value: number | null, interval: Interval, explanation: string, unit = ''): Html {
  const digits = unit === '' ? 3 : 2
  const shown = value === null ? UNDEFINED : value.toFixed(digits)
  const range = value === null || !interval ? '' : tag('p', {}, `(${intervalLabel(interval, digits)})`)
  const small = unit === '' || value === null ? '' : tag('small', {}, unit)
  return tag(
    'div',
    { class: 'card' },
    tag('h3', {}, title),
    tag('p', { class: 'value' }, shown, small),
    range,
    tag('p', {}, explanation),
  )
}

function sampleSection({ samples, attention, note }: ReportPage): Html[] {
  const parts = samples.flatMap(({ title, pictures }) => [tag('h3', {}, given(title)), ...pictures.map(pictureOf)])
  if (attention) parts.push(tag('h3', {}, 'Attention'), pictureOf(attention))
  if (note !== undefined) parts.push(tag('p', { class: 'faint' }, escaped(note)))
  return parts.length ? parts : [tag('p', { class: 'faint' }, 'No pictures of samples were drawn (--pictures).')]
}

/** Embeds the SVG itself, so that it stays sharp and its text can be searched. */
function pictureOf({ svg, alt }: PagePicture): Html {
  const labelled = svg.replace('<svg ', `<svg role="img" aria-label="${escaped(alt)}" `)
  return tag('figure', { class: 'picture scroll', tabindex: '0', 'aria-label': alt }, labelled)
}
