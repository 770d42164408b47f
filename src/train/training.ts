import { dirname, resolve } from 'node:path'
import { DirectoryLock, refuseIfHeld } from '../checkpoint/directory_lock.ts'
import type { Config } from '../config/schema.ts'
import { Ranks } from '../distributed/ranks.ts'
import { countParameters, widthsText } from '../nn/specification.ts'
import { scheduleText } from '../optim/schedule_text.ts'
import { formatBytes, totalOf } from '../run/memory.ts'
import { checkSameProgram } from '../run/same_on_ranks.ts'
import type { Console } from '../track/console/console.ts'
import type { RunRecord } from '../track/run_record.ts'
import { Closer } from '../util/closer.ts'
import { InputError } from '../util/error.ts'
import { WriteError } from '../util/whole_file.ts'
import { DivergedError } from './diverged.ts'
import { EarlierCheckpoints } from './earlier_checkpoints.ts'
import { shouldStop } from './early_stopping.ts'
import { Fit, type FitResult } from './fit.ts'
import { scheduleSettings } from './host_state.ts'
import { placeText } from './progress.ts'
import { Team } from './ranks/team.ts'
import type { TrainingRequest } from './request.ts'
import { findResumePoint, type ResumePoint } from './resume.ts'
import { keepCheckpoints, openRecord, type Start } from './run_observers.ts'
import { initialise, openSession, type Session } from './session.ts'
import { TrainingLog } from './training_log.ts'

export interface TrainingReport extends FitResult {
  /** the run's directory; undefined if unobserved */
  run: string | undefined
}

/**
 * The `train` command. Opens everything, prints a summary, trains, and closes the record whatever happens. Of several ranks, the first writes;
 * `request` is that of each.
 */
export async function train(request: TrainingRequest): Promise<TrainingReport> {
  const { ranks = Ranks.alone() } = request
  const { runs, mongo, tensorboard, ...unobserved } = request
  return trained(ranks.rank === 0 ? request : { ...unobserved, runs: undefined }, new Team(ranks, request.stop))
}

async function trained(request: TrainingRequest, team: Team): Promise<TrainingReport> {
  const { config, console, resume } = request
  const { save_dir } = config.checkpoint
  const { rank, size } = team.ranks
  const say = (line: string): void => console.line(line)
  team.ranks.timeout = config.compute.rank_timeout
  await checkSameProgram(team.ranks, config)
  if (rank === 0) refuseIfHeld(save_dir) // before its checkpoints are read, because a training that holds it adds to them
  const point = resume === false ? undefined : findResumePoint(config, resumePath(resume), size, say)
  const place = point ? `one ${placeText(point.position)}` : 'none'
  await team.ranks.requireSame('the checkpoint to resume from', place)
  if (resume !== false && !point) say(`nothing to resume in ${save_dir}: starting from scratch`)
  if (point && isFinished(config, point)) return alreadyDone(request, point)
  return Closer.using(async closer => {
    const session = closer.add(await openSession(config, { say, resume: point, team }), each => each.close())
    // weights that do not fit must fail before anything is written
    const pretrained = initialise(session, { say, resume: point })
    if (rank === 0) closer.add(DirectoryLock.take(save_dir), each => each.release())
    await team.compare('at the start', session.engine)
    return recorded(request, session, { point, pretrained })
  })
}

function resumePath(resume: boolean | string): string | undefined {
  return typeof resume === 'string' ? resume : undefined
}

function isFinished({ training }: Config, { position, progress }: ResumePoint): boolean {
  return position.epoch >= training.num_epochs || shouldStop(progress.best, training.early_stopping_patience)
}

function alreadyDone({ config, console }: TrainingRequest, { position, progress, path }: ResumePoint): TrainingReport {
  const epochs = position.epoch
  const early = epochs < config.training.num_epochs ? ', stopped early' : ''
  console.line(`${path}: ${epochs} of ${config.training.num_epochs} epochs are done${early}, nothing to do`)
  const bestPath = resolve(dirname(path), 'best_model.pth')
  return { status: 'COMPLETED', epochs, best: progress.best, validation: undefined, bestPath, run: undefined }
}

async function recorded(request: TrainingRequest, session: Session, start: Start): Promise<TrainingReport> {
  const { config, console } = request
  const { point } = start
  const earlier = session.team.ranks.rank === 0 ? earlierCheckpoints(request, point) : undefined
  const record = await openRecord(request, session, start)
  console.capture = text => {
    if (request.identity?.capture !== false) record?.capture(text)
  }
  let fit: Fit | undefined
  try {
    introduce(session, record, console)
    if (earlier) console.line(earlier.announcement)
    const log = new TrainingLog(console, record, session)
    fit = new Fit(session, log, { point, earlier })
    await compile(session, console)
    if (point) console.line(`resumed from ${point.path}, ${placeText(point.position)}`)
    const result = await fitted(fit)
    console.close()
    if (record) keepCheckpoints(record, config, result, fit.newestCheckpoint !== undefined)
    await record?.finish({ status: result.status, result: result.best.value })
    return { ...result, run: record?.places[0] }
  } catch (error) {
    console.close()
    if (error instanceof DivergedError) sayHowToStartAgain(request, fit?.bestCheckpoint)
    else sayHowToContinue(console, error, fit?.newestCheckpoint ?? point?.path)
    await record?.finish({ status: 'FAILED', error })
    throw error
  }
}

/** Software adapters and some drivers compile for up to a minute. */
async function compile({ engine }: Session, console: Console): Promise<void> {
  const started = performance.now()
  let compiled = 0
  await engine.prepare((done, all) => {
    compiled = all
    console.compiling(done, all)
  })
  console.compiled(compiled, (performance.now() - started) / 1000)
}

/** What a training finds in its folder and must not replace. One that resumes from the newest checkpoint there goes on with all of them. */
function earlierCheckpoints({ config, resume }: TrainingRequest, point?: ResumePoint): EarlierCheckpoints | undefined {
  return point && resume === true ? undefined : EarlierCheckpoints.find(config.checkpoint.save_dir, point)
}

/** What has gone wrong with a file since the training began, such as damaged data. It is no wrong input: much has been written by then. */
class LateError extends Error {
  override name = 'LateError'
}

/** Trains; an InputError is too late to be one. */
async function fitted(fit: Fit): Promise<FitResult> {
  try {
    return await fit.run()
  } catch (error) {
    throw error instanceof InputError ? new LateError(error.message, { cause: error }) : error
  }
}

/** Failures whose message is a complete explanation. */
const EXPLAINED = [InputError, LateError, WriteError]

/** After a failure: where training can resume, and what may help. */
function sayHowToContinue(console: Console, error: unknown, checkpoint: string | undefined): void {
  if (checkpoint !== undefined) console.line(`the newest checkpoint is ${checkpoint}; --resume continues from there`)
  // drivers throw different errors when the device is lost or out of memory
  if (!EXPLAINED.some(kind => error instanceof kind))
    console.line(
      'if the adapter was lost or ran out of memory: use a smaller training.batch_size, and start from the weights of a checkpoint with model.pretrained',
    )
}

/** A diverged training would diverge again if it were resumed: its best model is offered instead. */
function sayHowToStartAgain({ config, console }: TrainingRequest, best: string | undefined): void {
  console.line(
    best === undefined
      ? 'the training diverged before a finite validation, so no checkpoint is worth resuming: --resume would diverge again'
      : `the training diverged, --resume would diverge again; start from its best model with a lower rate: model.pretrained=${best} training.learning_rate=${config.training.learning_rate / 10}`,
  )
}

function introduce(
  { config, dataset, shape, device, engine, windows, team, batchSize }: Session,
  record: RunRecord | undefined,
  console: Console,
): void {
  const { train, val } = dataset.splits
  const { lasting, working } = engine.need
  console.line(`adapter   ${device.name}`)
  const { CUDA_VISIBLE_DEVICES: visible } = process.env
  if (visible && team.isAlone)
    console.line(`          CUDA_VISIBLE_DEVICES=${visible} is ignored; choose the adapter with compute.adapter`)
  console.line(`data      ${dataset.directory}`)
  console.line(
    `          ${train!.samples} training and ${val!.samples} validation samples of ${shape.size.join('×')}, ${shape.structures} structures`,
  )
  const { patch_size, patch_foreground } = config.training
  if (patch_size)
    console.line(
      `          patches drawn anew each epoch, ${Math.round(100 * patch_foreground)} % of them centred on a structure; those of the validation lie on a grid`,
    )
  console.line(
    `model     ${countParameters(engine.state.entries).toLocaleString('en')} parameters, ${widthsText(shape)}`,
  )
  console.line(
    `memory    ${formatBytes(totalOf(engine.need))} at batch size ${batchSize}: ${formatBytes(lasting)} lasting, ${formatBytes(working)} working`,
  )
  if (!team.isAlone)
    console.line(
      `ranks     ${team.ranks.size}, each with ${batchSize} of the ${config.training.batch_size} samples of a batch`,
    )
  console.line(`schedule  ${scheduleText(scheduleSettings(config, windows))}`)
  const { ema_decay } = config.optimizer
  if (ema_decay > 0)
    console.line(`average   of the weights, decay ${ema_decay}: validated, pictured and saved as the model`)
  for (const place of record?.places ?? []) console.line(`record    ${place}`)
}
