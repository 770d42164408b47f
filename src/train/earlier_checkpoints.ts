import { lstatSync, readdirSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { makeNewFolder } from '../track/run_files.ts'
import { InputError } from '../util/error.ts'
import { makeFolders } from '../util/files/folder.ts'
import { codeOf, reasonOf } from '../util/files/reason.ts'
import { replaceFile } from '../util/files/rename.ts'
import { syncFolder, writing } from '../util/whole_file.ts'
import { checkpointsIn, EARLIER, epochsIn, openCheckpoint } from './checkpoint_folder.ts'
import { isLater, type Position } from './progress.ts'

/** The checkpoints in a training's folder that are not from its own past. Its own would replace them, so they are set aside first. */
export class EarlierCheckpoints {
  /** says where they go */
  readonly announcement: string
  private readonly destination: string
  private readonly directory: string
  private readonly names: readonly string[]

  private constructor(directory: string, names: readonly string[]) {
    this.directory = directory
    this.names = names
    this.destination = nextFolder(directory)
    const what = names.length === 1 ? 'checkpoint moves' : 'checkpoints move'
    this.announcement = `${directory}: ${names.length} earlier ${what} to ${this.destination} before the first save`
  }

  /**
   * Those that a training must not replace, undefined if there are none: all of them, but if it goes on from a checkpoint of the same folder,
   * `point`, those behind that. The folder must be locked. Throws InputError if there is no place to set them aside.
   */
  static find(directory: string, point?: { path: string; position: Position }): EarlierCheckpoints | undefined {
    const present = checkpointsIn(directory).filter(name => lstatSync(join(directory, name)).isFile())
    const isOwnPast = point && realpathSync(dirname(point.path)) === realpathSync(directory)
    const names = isOwnPast ? present.filter(name => isBehind(join(directory, name), point)) : present
    return names.length === 0 ? undefined : new EarlierCheckpoints(directory, names)
  }

  /**
   * Moves them, just before the first checkpoint of the training is written. A kill in between leaves each of them in one of the two
   * folders; last.pth, from which training would resume, moves last. Throws WriteError.
   */
  setAside(): void {
    writing(join(this.directory, EARLIER), () => {
      makeFolders(join(this.directory, EARLIER))
      let to = this.destination
      while (!makeNewFolder(to)) to = nextFolder(this.directory)
      for (const name of this.names.toReversed()) replaceFile(join(this.directory, name), join(to, name))
      for (const folder of [to, dirname(to), this.directory]) syncFolder(folder)
    })
  }
}

/** Its number is one above the highest used: a gap is never filled. */
function nextFolder(directory: string): string {
  const folder = join(directory, EARLIER)
  const used = namesIn(folder).filter(name => /^\d{1,15}$/.test(name))
  return join(folder, String(Math.max(0, ...used.map(Number)) + 1))
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw new InputError(`${folder}: ${reasonOf(error)}, expected a folder for earlier checkpoints`, { cause: error })
  }
}

/** Whether a checkpoint is not from the past of `point`. One that cannot be opened may be anything. */
function isBehind(path: string, point: { path: string; position: Position }): boolean {
  if (realpathSync(path) === realpathSync(point.path)) return false
  const epoch = epochsIn(basename(path))
  if (epoch !== undefined) return isLater({ epoch, batch: 0 }, point.position)
  try {
    return isLater(openCheckpoint(path).position, point.position)
  } catch (error) {
    if (error instanceof InputError) return true
    throw error
  }
}
