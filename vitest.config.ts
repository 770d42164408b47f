import { defineConfig } from 'vitest/config'

// One process at a time: every test file opens the same adapter, and software adapters use every core already.
export default defineConfig({
  test: {
    globalSetup: 'kernels-test/setup.ts',
    include: ['kernels-test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 600_000,
    hookTimeout: 120_000,
  },
})
