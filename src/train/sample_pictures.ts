import { illustrator } from '../report/drawing/illustrator.ts'
import type { SampleView } from '../report/sample/view.ts'
import { sampleView } from '../run/sample_view.ts'
import type { Artifact } from '../track/observer.ts'
import { type BestModel, shouldStop } from './early_stopping.ts'
import type { Session } from './session.ts'
import type { TrainingLog } from './training_log.ts'

const BETWEEN_PICTURES = 30_000 // milliseconds
const PICTURE_SHARE = 50 // pictures wait this many times as long as the last ones took: at most 2 % of the time

/**
 * Pictures the first validation samples with what the model says of them: `predictions_sample_N.png`, replaced each time. Reads the
 * weights and draws no random number, so a training has the same bits without it.
 */
export class SamplePictures {
  private readonly session: Session
  private readonly log: TrainingLog
  private isOwed = true // of the newest best model there are no pictures yet, or none at all
  private due = 0 // performance.now() before which nothing is pictured

  private constructor(session: Session, log: TrainingLog) {
    this.session = session
    this.log = log
  }

  /** Undefined where the run is unobserved or its configuration wants no pictures. */
  static of(session: Session, log: TrainingLog): SamplePictures | undefined {
    const { visualize_predictions, num_visualization_samples } = session.config.logging
    const isWanted = log.record && visualize_predictions && num_visualization_samples > 0
    return isWanted ? new SamplePictures(session, log) : undefined
  }

  /**
   * After a validation: pictures a new best model unless that was done a moment ago, and at the end of the training one that is still
   * owed. Drawing goes on in a thread; what fails is warned of.
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
      this.log.console.warn(`no pictures of predictions: ${(error as Error).message}`)
    }
  }

  /** What is being drawn. Samples of one batch are on their way at a time. */
  private async picture(epoch: number): Promise<Promise<unknown>[]> {
    const { config, engine, validationLoader, shape, dataset } = this.session
    const { structureNames } = dataset
    const setting = { shape, structureNames, threshold: config.model.presence_threshold }
    const wanted = config.logging.num_visualization_samples
    let drawn: Promise<Artifact | undefined>[] = []
    let done = 0
    for await (const host of validationLoader.epoch(0)) {
      await Promise.all(drawn)
      const count = Math.min(wanted - done, host.count)
      const { presenceProbability } = await engine.evaluate(host)
      const batch = { ...host, presenceProbability, predicted: await engine.predictedMasks(count) }
      drawn = Array.from({ length: count }, (_, i) => {
        const title = `validation sample ${done + i + 1}, epoch ${epoch + 1}`
        const scenario = host.scenarios[i]!
        const view = sampleView(setting, batch, { index: i, title: scenario === '' ? title : `${title}, ${scenario}` })
        return this.drawn(done + i + 1, epoch, view)
      })
      for (const artifact of drawn) this.log.record!.keepOnceMade(artifact)
      done += count
      if (done >= wanted) break
    }
    return drawn
  }

  private async drawn(number: number, epoch: number, sample: SampleView): Promise<Artifact | undefined> {
    const drawing = await illustrator.draw({ sample }, line => this.log.console.warn(line))
    return drawing?.png && { name: `predictions_sample_${number}.png`, bytes: drawing.png, step: epoch }
  }
}
