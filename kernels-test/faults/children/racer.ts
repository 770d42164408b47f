import { DirectoryLock } from '../../../src/checkpoint/directory_lock.ts'
import { InputError } from '../../../src/util/error.ts'

/*
 * Takes the lock of a folder at a given moment and keeps it until it is told to give it back. Answers 'owner', 'refused', or what else
 * happened.
 */

let held: DirectoryLock | undefined

process.on('message', (request: { folder: string; at: number } | 'release') => {
  if (request === 'release') {
    held?.release()
    held = undefined
    process.send!('released')
    return
  }
  // no timer is as exact, and the race needs all of them in the same millisecond
  while (Date.now() < request.at);
  process.send!(take(request.folder))
})
process.send!('ready')

function take(folder: string): string {
  try {
    held = DirectoryLock.take(folder)
    return 'owner'
  } catch (error) {
    return error instanceof InputError && / in use /.test(error.message) ? 'refused' : `${error}`
  }
}
