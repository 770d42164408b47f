import { writeWhole } from '../util/whole_file.ts'

/** Writes `value` to `path`; after an error the file is what it was. */
export function writeJsonFile(path: string, value: unknown): void {
  writeWhole(path, [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)])
}
