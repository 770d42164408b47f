import { join } from 'node:path'
import { PACKAGE_ROOT } from '../../src/util/package_root.ts'

/** Where the test run builds this checkout: its processes start from there in half the time that sources take. */
export const BUILT = join(PACKAGE_ROOT, '.built')

/** The program that a user starts. */
export const PROGRAM = join(BUILT, 'cli/main.js')
