import type { JsonObject } from '../config/json.ts'
import { messageOf } from '../util/error.ts'
import { describeHost } from './host.ts'
import type { RunStart } from './observer.ts'
import { describeExperiment } from './provenance.ts'

/** The description of a starting run that every record contains, under Sacred's keys. Each record stores copies of the sources its own way. */
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

/** What went wrong and the lines of an error's stack trace, each with its line end, as Sacred stores them. */
export function traceOf(error: unknown): string[] {
  const message = messageOf(error)
  const stack = (error instanceof Error && error.stack) || message
  const text = stack.includes(message) ? stack : `${message}\n${stack}`
  return text.split('\n').map(line => `${line}\n`)
}
