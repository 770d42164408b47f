import { Command } from 'commander'
import { type Configured, type ConfigureRequest, configure } from '../src/recipe/configure.ts'
import { durationText, fingerprintLines, lengths, points } from '../src/recipe/reasons.ts'
import { formatBytes } from '../src/run/memory.ts'
import { InputError } from '../src/util/error.ts'
import { progressOf } from './console/progress.ts'
import { say } from './console/say.ts'
import { numberOption } from './options.ts'
import { type SourceOptions, sourcesOf, withSourceOptions } from './scans/source_options.ts'

interface ConfigureOptions extends SourceOptions {
  dataset?: string
  outputDir: string
  hours?: number
  adapter?: string
  skipBad?: boolean
  overwrite?: boolean
  json?: boolean
}

/** `configure`: plans an import and a training, and writes both as a recipe. */
export function makeConfigureCommand(): Command {
  return withSourceOptions(new Command('configure'))
    .description(
      'look at scans or a dataset, measure the adapter, and write a recipe: how to import, how to train, and why',
    )
    .option('--dataset <dir>', 'an existing dataset, instead of scans')
    .requiredOption('--output-dir <dir>', 'folder for the recipe')
    .option('--hours <h>', 'time that the training may take (default: 2 on a processor, 8 on a GPU)', numberOption)
    .option('--adapter <name>', 'GPU or software adapter to plan for: part of its name, or its index')
    .option('--skip-bad', 'skip scans that cannot be used and list them, instead of stopping')
    .option('--overwrite', 'replace files of an earlier recipe that were changed since')
    .option('--json', 'print the summary as one JSON object')
    .action(runConfigure)
}

async function runConfigure(options: ConfigureOptions): Promise<void> {
  const { outputDir, hours, adapter, skipBad = false, overwrite = false } = options
  let progress: ReturnType<typeof progressOf> | undefined
  let shown = ''
  const result = await configure(
    {
      ...{ from: originOf(options), outputDir, skipBad, overwrite },
      ...(hours !== undefined && { hours }),
      ...(adapter !== undefined && { adapter }),
    },
    {
      say,
      counted: (step, done, all) => {
        if (step !== shown) {
          progress?.end()
          progress = progressOf(step)
          shown = step
        }
        progress?.update(done, all)
      },
    },
  ).finally(() => progress?.end())
  if (options.json) process.stdout.write(`${JSON.stringify(summaryOf(result))}\n`)
  else for (const line of summaryLines(result)) say(line)
}

function originOf(options: ConfigureOptions): ConfigureRequest['from'] {
  const { dataset, images, labels, manifest, structures, leaveOut, annotated, subjectPattern } = options
  if (dataset === undefined) {
    if (images === undefined && manifest === undefined)
      throw new InputError('configure: no data, expected --images, --manifest or --dataset')
    return { kind: 'scans', ...sourcesOf(options, 'configure'), ...(manifest !== undefined && { manifest }) }
  }
  const others = Object.entries({
    ...{ images, labels, manifest, structures, annotated },
    ...{ 'leave-out': leaveOut, 'subject-pattern': subjectPattern },
  })
  const given = others.find(([, value]) => value !== undefined)
  if (given) throw new InputError(`configure: --${given[0]} given with --dataset, which is imported already`)
  return { kind: 'dataset', path: dataset }
}

function summaryOf({ recipe, fingerprint, plan, import: settings, commands, warnings }: Configured) {
  const { candidate, counts, batchSize, hours, epochs, seconds, pace, decisions, expectedLoss } = plan
  const { form, ...rest } = candidate
  return {
    ...{ recipe, fingerprint, import: settings ?? null },
    frame: { image_size: form.size, patches: form.patchStride !== undefined, ...rest },
    ...{
      counts,
      batch_size: batchSize,
      hours,
      epochs,
      seconds,
      memory: pace.memory,
      pace,
      expected_loss: expectedLoss,
    },
    ...{ decisions, commands, warnings },
  }
}

function summaryLines({ recipe, fingerprint, plan, commands, warnings }: Configured): string[] {
  const { candidate, batchSize, epochs, seconds, pace } = plan
  const { form, spacing, padding, resolutionLoss } = candidate
  const unit = fingerprint.unit === 'mm' ? 'mm' : 'stored voxels'
  const shape = `${form.size.join('×')}, voxels of ${lengths(spacing)} ${unit}`
  return [
    ...warnings.map(line => `warning: ${line}`),
    ...fingerprintLines(fingerprint).map(([what, text]) => `${what.padEnd(12)}${text}`),
    `${form.patchStride ? 'patches' : 'frame  '}     ${shape}`,
    `            ${Math.round(100 * padding)} % padding; resolution costs about ${points(resolutionLoss)} of Dice`,
    `training    batch size ${batchSize}, ${epochs} ${epochs === 1 ? 'epoch' : 'epochs'} of ${pace.step.toPrecision(3)} s a step`,
    `time        about ${durationText(seconds)}, measured on the adapter`,
    `memory      ${formatBytes(pace.memory)}`,
    `recipe      ${recipe} (reasons: README.md)`,
    ...commands,
  ]
}
