import { closeSync, openSync, readdirSync } from 'node:fs'

/**
 * The device files of GPUs that this process may open, e.g. /dev/nvidia0. A batch system that binds a process to one GPU lets it open that one only;
 * in a container no other may exist. Empty outside Linux.
 */
export function deviceNodes(): string[] {
  const nodes = [
    ...filesIn('/dev', /^nvidia\d+$/), // NVIDIA
    ...filesIn('/dev/dri', /^renderD\d+$/), // the others
  ]
  return nodes.filter(canBeOpened)
}

function filesIn(folder: string, pattern: RegExp): string[] {
  try {
    const names = readdirSync(folder).filter(name => pattern.test(name))
    return names.sort().map(name => `${folder}/${name}`)
  } catch {
    return []
  }
}

/** A permission of the file is not enough: the kernel refuses what belongs to another job only when it is opened. */
function canBeOpened(path: string): boolean {
  try {
    closeSync(openSync(path, 'r+'))
    return true
  } catch {
    return false
  }
}
