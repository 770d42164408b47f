import { illustrator } from '../report/drawing/illustrator.ts'
import type { Curves, EpochSeries } from '../report/figures/training_curves.ts'
import type { Series } from '../track/metrics.ts'
import type { Artifact, Observer, Point } from '../track/observer.ts'

const BETWEEN_DRAWINGS = 10_000 // milliseconds
const DRAWING_SHARE = 50 // wait this many times as long as the last drawing took: at most 2 % of the time

/** Draws training_curves.svg and .png during training and once more at the end. */
export class CurveObserver implements Observer {
  readonly place = undefined
  private readonly about: Omit<Curves, 'metrics'>
  private readonly hand: (artifact: Artifact) => void
  private readonly warn: (line: string) => void
  private readonly metrics = new Map<string, EpochSeries>()
  private drawing: Promise<void> | undefined
  private timer: NodeJS.Timeout | undefined
  private due = 0 // performance.now() of the earliest next drawing
  private isUpToDate = true

  /** `hand` receives the pictures. */
  constructor(about: Omit<Curves, 'metrics'>, hand: (artifact: Artifact) => void, warn: (line: string) => void) {
    this.about = about
    this.hand = hand
    this.warn = warn
  }

  log({ name, step, value }: Point): void {
    this.add(name, step, value)
    if (!name.endsWith('.epoch.total_loss')) return
    // the points of an epoch arrive together; this is one of the first
    this.isUpToDate = false
    this.drawSoon()
  }

  adopt(earlier: ReadonlyMap<string, Series>): void {
    for (const [name, { steps, values }] of earlier)
      for (const [i, step] of steps.entries()) this.add(name, step, values[i] ?? Number.NaN)
  }

  /** The curves show metrics only. */
  setInfo(): void {}

  capture(): void {}

  keep(): void {}

  beat(): void {}

  async finish(): Promise<void> {
    clearTimeout(this.timer)
    await this.drawing
    clearTimeout(this.timer)
    if (!this.isUpToDate) await this.draw()
  }

  /** Metrics of batches are for TensorBoard, not for this figure. */
  private add(name: string, step: number, value: number): void {
    if (name.startsWith('train.batch.') || name.startsWith('final.')) return
    const series = this.metrics.get(name) ?? { epochs: [], values: [] }
    this.metrics.set(name, series)
    series.epochs.push(step)
    series.values.push(value)
  }

  private drawSoon(): void {
    if (this.timer !== undefined) return
    const wait = Math.max(0, this.due - performance.now())
    this.timer = setTimeout(() => {
      this.drawing = this.draw().finally(() => {
        this.timer = undefined
        if (!this.isUpToDate) this.drawSoon()
      })
    }, wait).unref()
  }

  private async draw(): Promise<void> {
    const started = performance.now()
    this.isUpToDate = true
    const step = Math.max(0, ...[...this.metrics.values()].map(({ epochs }) => epochs.at(-1)!))
    const drawing = await illustrator.draw({ curves: { ...this.about, metrics: this.metrics } }, this.warn)
    if (drawing) this.hand({ name: 'training_curves.svg', bytes: Buffer.from(drawing.svg), step })
    if (drawing?.png) this.hand({ name: 'training_curves.png', bytes: drawing.png, step })
    const ended = performance.now()
    this.due = ended + Math.max(BETWEEN_DRAWINGS, DRAWING_SHARE * (ended - started))
  }
}
