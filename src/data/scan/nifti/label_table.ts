import { printable } from '../../../util/listing.ts'

/** Names of label values. */
export type LabelNames = ReadonlyMap<number, string>

/** The most that is read of what stands between header and voxels, bytes. */
export const MOST_EXTENSIONS = 2 ** 20
export const LONGEST_NAME = 200 // characters
const PREAMBLE = 8 // bytes: length and code of an extension
const UNIT = 16 // the length of an extension is a multiple of this

/**
 * The label table in the extensions of a NIfTI file, as Connectome Workbench and TotalSegmentator write it: XML with a `Label` for each value,
 * its `Key`. The extension's code says nothing: TotalSegmentator writes 0. Undefined if there is no such table; what is no table is never
 * an error.
 */
export function labelNamesIn(bytes: Uint8Array, isLittle: boolean): LabelNames | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at + PREAMBLE <= bytes.length; ) {
    const length = view.getInt32(at, isLittle)
    if (length < UNIT || length % UNIT !== 0 || at + length > bytes.length) return undefined
    const names = namesIn(new TextDecoder().decode(bytes.subarray(at + PREAMBLE, at + length)))
    if (names) return names
    at += length
  }
  return undefined
}

/** Looks for the elements of a label table only; no other part of XML has a meaning here, so nothing in it can do anything. */
function namesIn(xml: string): LabelNames | undefined {
  const table = /<LabelTable>([\s\S]*?)<\/LabelTable>/.exec(xml)?.[1]
  if (!table || !xml.includes('<CaretExtension')) return undefined
  const names = new Map<number, string>()
  for (const [, attributes, data, text] of table.matchAll(
    /<Label\s([^<>]*)>\s*(?:<!\[CDATA\[([^\]]*)\]\]>|([^<]*))\s*<\/Label>/g,
  )) {
    const key = /(?:^|\s)Key="(-?\d{1,9})"/.exec(attributes!)?.[1]
    const name = printable(data ?? withoutEntities(text!)).trim()
    if (key !== undefined && name !== '' && name.length <= LONGEST_NAME) names.set(Number(key), name)
  }
  return names.size === 0 ? undefined : names
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

function withoutEntities(text: string): string {
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => ENTITIES[name]!)
}
