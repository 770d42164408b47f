import { defaultConfig } from '../../src/config/schema.ts'
import type { RunRequest } from '../../src/track/run_directory.ts'

/** A run with the default configuration. A warning is an error unless the test handles it. */
export function request(base: string, warn?: (line: string) => void): RunRequest {
  return {
    base,
    experiment: 'sadaan_hdf5',
    command: 'train',
    options: { '--config': null },
    config: defaultConfig(),
    namedConfigs: [],
    configUpdates: { seed: 42 },
    adapter: { model: 'llvmpipe', driver: 'Mesa 26' },
    warn:
      warn ??
      (line => {
        throw new Error(line)
      }),
  }
}
