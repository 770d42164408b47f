import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { scanGroups } from '../../src/data/scan/scan_groups.ts'
import { makeFolder } from '../../src/util/files/folder.ts'
import { factsOf } from '../../src/util/files/lookup.ts'
import { type PythonScript, runScript } from './python.ts'
import { type LabelledScans, singleValues } from './scans.ts'
import { type PredictionTask, snapshotEpochs, type Tool, type Trained, type TrainingTask } from './tool.ts'

const MEASURED_ITERATIONS = 3
/** nnU-Net lowers its rate after each of 1000 epochs; a shorter run has an epoch per iteration, so that it is lowered as gradually as possible. */
const MOST_EPOCHS = 1000

interface NnunetSettings {
  script: PythonScript
  /** for its raw and preprocessed data, which all folds share */
  folder: string
  /** 'cpu', or 'cuda' */
  device: string
}

/** nnU-Net v2 with its own plans, trainer and augmentation, shortened to the time. */
export class Nnunet implements Tool {
  readonly name = 'nnunet'
  readonly settings: string
  private readonly given: NnunetSettings

  constructor(given: NnunetSettings) {
    this.given = given
    this.settings = given.script.versions
  }

  async train(task: TrainingTask): Promise<Trained> {
    const { fold, folder, seconds, seed, say } = task
    await this.prepare(task)
    const common = {
      ...this.common(),
      output: folder,
      seed,
      train: fold.train.map(({ name }) => name),
      validation: fold.heldOut.map(({ name }) => name),
    }
    const measured = await runScript<{ iteration_s: number; iterations_s: number; batch: number; patch: number[] }>(
      this.given.script,
      'measure',
      { ...common, iterations: MEASURED_ITERATIONS },
      task,
    )
    const { iteration_s, iterations_s, batch, patch } = measured.value
    const startUp = measured.seconds - iterations_s
    const affordable = Math.max(1, Math.floor((seconds - startUp) / iteration_s))
    const epochs = Math.min(MOST_EPOCHS, affordable)
    const iterations = Math.floor(affordable / epochs)
    say(
      `  ${epochs} × ${iterations} iterations of ${batch} patches ${patch.join('×')}, ${iteration_s.toPrecision(3)} s each`,
    )
    const saved = snapshotEpochs(epochs, task.snapshots).map(epoch => ({
      epoch,
      path: join(folder, `epoch_${String(epoch).padStart(5, '0')}.pth`),
    }))
    const job = await runScript(this.given.script, 'train', { ...common, epochs, iterations, snapshots: saved }, task)
    return {
      seconds: job.seconds,
      epochs,
      samples: epochs * iterations * batch,
      peak_bytes: job.peak_bytes,
      device: this.given.device,
      snapshots: saved.map(({ path }) => ({ path, seconds: (factsOf(path)!.mtimeMs - job.started) / 1000 })),
    }
  }

  async predict({ weights, fold, images, output, isFinal, folder, stop }: PredictionTask): Promise<void> {
    makeFolder(output, 'a folder for the predictions')
    const scans = scanGroups([images], fold.scans.channelNames.length).map(({ name, paths }) => ({
      name,
      images: paths,
    }))
    const task = { ...this.common(), output: folder, seed: 0, weights, scans, predictions: output, mirror: isFinal }
    await runScript(this.given.script, 'predict', task, { folder, stop })
  }

  /** Fingerprint, plans and preprocessing of all scans: once, as nnU-Net does for its own cross-validation. */
  private async prepare({ fold: { scans }, stop, say }: TrainingTask): Promise<void> {
    const { folder, script } = this.given
    if (factsOf(join(folder, 'prepared.json'))) return
    say('  plan and preprocess')
    const task = { ...this.common(), ...rawDataset(scans), processes: availableParallelism() }
    await runScript(script, 'prepare', task, { folder: makeRoot(folder), stop })
  }

  private common(): object {
    const { folder, device } = this.given
    return { root: folder, device, threads: availableParallelism() }
  }
}

function makeRoot(folder: string): string {
  makeFolder(folder, 'a folder for nnU-Net')
  return folder
}

function rawDataset(scans: LabelledScans): object {
  const values = singleValues(scans)
  return {
    scans: scans.scans.map(({ name, images, label }) => ({ name, images, label })),
    channel_names: scans.channelNames,
    labels: Object.fromEntries(scans.structures.map(({ name }, s) => [name, values[s]!])),
  }
}
