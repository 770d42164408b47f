import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { openDataset } from '../../src/data/dataset/dataset.ts'
import type { Preparation } from '../../src/data/scan/preparation.ts'
import { InputError } from '../../src/util/error.ts'
import { factsOf } from '../../src/util/files/lookup.ts'
import { mirrorPartners } from '../../src/util/mirror.ts'
import { importFold } from './ours.ts'
import { placeProbabilities, writeVolumes } from './placed_probabilities.ts'
import { type PythonScript, runScript } from './python.ts'
import { singleValues } from './scans.ts'
import { type PredictionTask, snapshotEpochs, type Tool, type Trained, type TrainingTask } from './tool.ts'

const BATCH = 4
const MEASURED_STEPS = 10

/** How a MONAI run differs from another one in the table. */
interface MonaiSettings {
  script: PythonScript
  importOptions: readonly string[]
  /** 'cpu', or 'cuda' */
  device: string
}

/** A plain BasicUNet of MONAI on the dataset that ours trains on. */
export class Monai implements Tool {
  readonly name = 'monai'
  readonly settings: string
  private readonly given: MonaiSettings

  constructor(given: MonaiSettings) {
    this.given = given
    this.settings = [given.script.versions, ...given.importOptions].join(' ')
  }

  async train(task: TrainingTask): Promise<Trained> {
    const { fold, folder, seconds, seed, say } = task
    const dataset = await importFold(task, this.given.importOptions)
    const { shared } = await this.shape(dataset, fold.scans.structures.length, seed)
    const names = fold.scans.structures.map(({ name }) => name.toLowerCase())
    // a flip would turn a left structure into a right one
    const isSided = mirrorPartners(names).some((partner, own) => partner !== own)
    const common = { ...shared, dataset, batch: BATCH, flip_axes: isSided ? [] : [0] }
    const measured = await runScript<{ step_s: number; steps_s: number; batches: number }>(
      this.given.script,
      'measure',
      { ...common, steps: MEASURED_STEPS },
      task,
    )
    const { step_s, steps_s, batches } = measured.value
    if (batches === 0) throw new InputError(`${dataset}: has fewer training samples than one batch of ${BATCH}`)
    const startUp = measured.seconds - steps_s
    const epochs = Math.max(1, Math.floor((seconds - startUp) / (batches * step_s)))
    say(`  ${epochs} epochs of ${batches} batches, ${step_s.toPrecision(3)} s each`)
    const saved = snapshotEpochs(epochs, task.snapshots).map(epoch => ({
      epoch,
      path: join(folder, `epoch_${String(epoch).padStart(5, '0')}.pt`),
    }))
    const job = await runScript(this.given.script, 'train', { ...common, epochs, snapshots: saved }, task)
    return {
      seconds: job.seconds,
      epochs,
      samples: epochs * batches * BATCH,
      peak_bytes: job.peak_bytes,
      device: this.given.device,
      snapshots: saved.map(({ path }) => ({ path, seconds: (factsOf(path)!.mtimeMs - job.started) / 1000 })),
    }
  }

  async predict({ weights, fold, images, output, folder, stop }: PredictionTask): Promise<void> {
    const dataset = await importFold({ fold, stop, say: () => undefined }, this.given.importOptions)
    const { shared, preparation } = await this.shape(dataset, fold.scans.structures.length, 0)
    const volumes = join(folder, 'volumes.f32')
    const probabilities = join(folder, 'probabilities.f32')
    const subjects = writeVolumes(images, preparation, volumes)
    const task = { ...shared, weights, volumes, probabilities, count: subjects.length, batch: BATCH }
    await runScript(this.given.script, 'predict', task, { folder, stop })
    placeProbabilities(subjects, probabilities, singleValues(fold.scans), output)
  }

  private async shape(
    path: string,
    structures: number,
    seed: number,
  ): Promise<{ shared: object; preparation: Preparation }> {
    const { preparation } = await openDataset(path)
    if (!preparation) throw new InputError(`${path}: has no preparation, expected a dataset of import`)
    const channels = preparation.intensity.length
    const threads = availableParallelism()
    const { device } = this.given
    return { shared: { size: preparation.image_size, channels, structures, threads, device, seed }, preparation }
  }
}
