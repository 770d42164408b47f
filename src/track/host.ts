import { readFileSync } from 'node:fs'
import { cpus, hostname, release, type as systemName, version } from 'node:os'
import { join } from 'node:path'
import type { JsonObject } from '../config/json.ts'
import { PACKAGE_ROOT } from '../util/package_root.ts'

/** The GPU that computes, as the record names it. */
export interface RecordedAdapter {
  model: string
  driver: string
}

/** The `host` part of run.json. Its readers ask for a Python version, so Node's stands there. */
export function describeHost(adapter: RecordedAdapter): JsonObject {
  return {
    hostname: hostname(),
    os: [systemName(), `${systemName()} ${release()} ${version()}`],
    python_version: process.versions.node,
    node_version: process.versions.node,
    cpu: cpus()[0]?.model ?? 'unknown',
    gpus: { driver_version: adapter.driver, gpus: [{ model: adapter.model, persistence_mode: false }] },
    ENV: {},
  }
}

/** This package's dependencies as `name==version`, sorted. They are pinned to exact versions. */
export function dependencies(): string[] {
  const { dependencies } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  return Object.entries({ ...dependencies, node: process.versions.node })
    .map(([name, version]) => `${name}==${version}`)
    .sort()
}
