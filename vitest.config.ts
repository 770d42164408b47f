import { defineConfig } from 'vitest/config'
import { testFiles } from './kernels-test/test_files.ts'

/** A limit ends what hangs: no test fails because a machine is slow. */
const HANGS = 3_600_000 // ms

const project = (name: (typeof testFiles)[number]['project']) =>
  ({
    extends: true,
    test: {
      name,
      include: testFiles.filter(file => file.project === name).map(({ path }) => path),
      globalSetup: 'kernels-test/setup.ts',
    },
  }) as const

export default defineConfig({
  test: {
    projects: [project('quick'), project('full'), project('faults')],
    pool: 'forks',
    // a software adapter computes on every core, but much of a test's time is spent on one
    maxWorkers: 2,
    testTimeout: HANGS,
    hookTimeout: HANGS,
  },
})
