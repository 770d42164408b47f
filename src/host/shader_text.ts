import { join } from 'node:path'
import { PACKAGE_ROOT } from '../util/package_root.ts'
import { readText } from '../util/whole_file.ts'

const SHADERS = join(PACKAGE_ROOT, 'shaders')

/** The text of a file, by its path under shaders/ without `.wgsl`. */
export function readShader(name: string): string {
  return readText(join(SHADERS, `${name}.wgsl`))
}
