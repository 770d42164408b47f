import type { JsonObject } from '../config/json.ts'
import { describeHost } from './host.ts'
import type { RunStart } from './observer.ts'
import { describeExperiment } from './provenance.ts'

/** What every record says of a run that starts, under Sacred's names; the sources' copies are each record's own matter. */
export function describeRun(start: RunStart): Record<'experiment' | 'host' | 'meta', JsonObject> & { command: string } {
  return {
    experiment: { ...describeExperiment(start.experiment), sources: [] },
    command: start.command,
    host: describeHost(start.adapter),
    meta: {
      command: start.command,
      options: start.options,
      named_configs: [...start.namedConfigs],
      config_updates: start.configUpdates,
      ...(start.comment === undefined ? {} : { comment: start.comment }),
      ...(start.priority === undefined ? {} : { priority: start.priority }),
    },
  }
}

/** The lines of an error's stack, each with its end as Sacred has them. */
export function traceOf(error: unknown): string[] {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return text.split('\n').map(line => `${line}\n`)
}
