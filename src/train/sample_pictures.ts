import { illustrator } from '../report/drawing/illustrator.ts'
import type { SampleView } from '../report/sample/view.ts'
import { sampleView } from '../run/sample_view.ts'
import type { Artifact } from '../track/observer.ts'
import { messageOf } from '../util/error.ts'
import { type BestModel, shouldStop } from './early_stopping.ts'
import type { Session } from './session.ts'
import type { TrainingLog } from './training_log.ts'

const BETWEEN_PICTURES = 30_000 // milliseconds
const PICTURE_SHARE = 50 // wait this many times as long as the last pictures took: at most 2 % of the time

/**
 * Draws the first validation samples with the model's predictions as `predictions_sample_N.png`, N from 0, replaced each time. Only reads the weights
 * and draws no random numbers, so training has the same bits without it.
 */
export class SamplePictures {
  private readonly session: Session
  private readonly log: TrainingLog
  private isOwed = true // the newest best model has no pictures yet
  private due = 0 // performance.now() of the earliest next pictures

  private constructor(session: Session, log: TrainingLog) {
    this.session = session
    this.log = log
  }

  /** Undefined if the run is unobserved or no pictures are configured. */
  static of(session: Session, log: TrainingLog): SamplePictures | undefined {
    const { visualize_predictions, num_visualization_samples } = session.config.logging
    const isWanted = log.record && visualize_predictions && num_visualization_samples > 0
    return isWanted ? new SamplePictures(session, log) : undefined
  }

  /**
   * Call after each validation. Pictures a new best model unless the last pictures are too recent; the end of training catches up. A
   * thread draws. Failures are warnings.
   */
  async validated(epoch: number, best: BestModel): Promise<void> {
    const { training } = this.session.config
    if (best.epoch === epoch) this.isOwed = true
    const isLast = epoch + 1 === training.num_epochs || shouldStop(best, training.early_stopping_patience)
    if (!this.isOwed || (!isLast && performance.now() < this.due)) return
    this.isOwed = false
    this.due = Number.POSITIVE_INFINITY // until these are drawn
    const started = performance.now()
    try {
      const drawn = await this.picture(epoch)
      Promise.all(drawn).then(() => {
        const ended = performance.now()
        this.due = ended + Math.max(BETWEEN_PICTURES, PICTURE_SHARE * (ended - started))
      })
    } catch (error) {
      this.log.console.warn(`no pictures of predictions: ${messageOf(error)}`)
    }
  }

  /** Returns the drawings under way. At most one batch of samples is drawn at a time. */
  private async picture(epoch: number): Promise<Promise<unknown>[]> {
    const { config, engine, validationLoader, shape, dataset } = this.session
    const { structureNames, preparation } = dataset
    const threshold = config.model.presence_threshold
    const setting = { shape, structureNames, split: dataset.splits.val!, preparation, threshold }
    const wanted = config.logging.num_visualization_samples
    const prepared = await engine.prepareEvaluation()
    let drawn: Promise<Artifact | undefined>[] = []
    let done = 0
    for await (const host of validationLoader.epoch(0)) {
      await Promise.all(drawn)
      const count = Math.min(wanted - done, host.count)
      const { pairs, presenceProbability } = await engine.evaluate(prepared, host)
      const batch = { ...host, pairs, presenceProbability, predicted: await engine.predictedMasks(prepared, count) }
      drawn = Array.from({ length: count }, (_, i) => {
        const sample = host.samples[i]!
        const title = `val sample ${sample}, epoch ${epoch + 1}`
        const scenario = host.scenarios[i]!
        const view = sampleView(setting, batch, { index: i, title: scenario === '' ? title : `${title}, ${scenario}` })
        return this.drawn(sample, epoch, view)
      })
      for (const artifact of drawn) this.log.record!.keepOnceMade(artifact)
      done += count
      if (done >= wanted) break
    }
    return drawn
  }

  private async drawn(sample: number, epoch: number, view: SampleView): Promise<Artifact | undefined> {
    const drawing = await illustrator.draw({ sample: view }, line => this.log.console.warn(line))
    const name = `predictions_sample_${sample}.png`
    return drawing?.png && { name, bytes: drawing.png, step: epoch, isHistory: true }
  }
}
