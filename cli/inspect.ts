import { Command } from 'commander'
import { inspect } from '../src/inspect/inspect.ts'
import { inspectionText } from '../src/inspect/text.ts'

/** `inspect`: describes a dataset, an HDF5 file, a checkpoint or a scan. */
export function makeInspectCommand(): Command {
  return new Command('inspect')
    .description('describe a dataset, an HDF5 file, a checkpoint or a scan')
    .argument('<path>', 'a dataset folder, a .h5, .pth, .pt or .safetensors file, a scan, or the name of a model')
    .option('--json', 'print one JSON object')
    .action(async (path: string, { json }: { json?: boolean }) => {
      const inspection = await inspect(path)
      process.stdout.write(json ? `${JSON.stringify(inspection)}\n` : inspectionText(inspection))
    })
}
