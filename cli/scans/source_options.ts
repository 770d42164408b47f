import type { Command } from 'commander'
import type { ImportOptions } from '../../src/data/import/import_options.ts'
import { readManifest } from '../../src/data/import/manifest.ts'
import type { SourceRequest } from '../../src/data/import/sources.ts'
import { parseNames, parseStructures, parseValues } from '../../src/data/import/structures.ts'
import { InputError } from '../../src/util/error.ts'

/** Where scans and labels are, and how to read them. */
export interface SourceOptions {
  images?: string
  labels?: string
  manifest?: string
  structures?: string
  leaveOut?: string
  annotated?: string
  subjectPattern?: string
}

/** Adds the options that name sources to a command. */
export function withSourceOptions(command: Command): Command {
  return command
    .option('--images <path>', 'folder of scans, one scan, or a folder with a dataset.json')
    .option('--labels <path>', 'folder of label volumes, or of folders of masks (default: those of dataset.json)')
    .option('--manifest <file>', 'JSON file that lists several sources, instead of --images and --labels')
    .option(
      '--structures <list>',
      'csf=4,brain=5+6, or names of mask files (default: from dataset.json, or all that occur)',
    )
    .option(
      '--leave-out <values>',
      'label values that no structure needs, 7,20-25; for labels whose values no dataset.json names',
    )
    .option('--annotated <names>', 'the structures that were annotated; the others are unknown (default: all)')
    .option(
      '--subject-pattern <regex>',
      'its first group in a scan name identifies the subject (default: the whole name)',
    )
}

/** The sources that the options of `command` name. Throws InputError with one line. */
export function sourcesOf(
  options: SourceOptions,
  command: 'import' | 'configure' | 'cross-validate',
): Pick<ImportOptions, 'sources' | 'structureNames'> {
  const { images, labels, manifest, structures, leaveOut, annotated, subjectPattern } = options
  if (manifest !== undefined) {
    const others = Object.entries({
      ...{ images, labels, structures, annotated },
      ...{ 'leave-out': leaveOut, 'subject-pattern': subjectPattern },
    })
    const given = others.find(([, value]) => value !== undefined)
    if (given) throw new InputError(`${command}: --${given[0]} given with --manifest: expected it in ${manifest}`)
    return readManifest(manifest)
  }
  if (images === undefined) throw new InputError(`${command}: no source, expected --images or --manifest`)
  const source: SourceRequest = {
    images,
    ...(labels === undefined ? {} : { labels }),
    ...(structures === undefined ? {} : { structures: parseStructures(structures) }),
    ...(leaveOut === undefined ? {} : { leftOut: parseValues(leaveOut) }),
    ...(annotated === undefined ? {} : { annotated: parseNames(annotated) }),
    ...(subjectPattern === undefined ? {} : { subjectPattern }),
  }
  return { sources: [source] }
}
