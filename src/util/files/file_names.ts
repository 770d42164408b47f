const MAX_LENGTH = 100 // characters; file systems allow 255 bytes, and extensions follow
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i // on Windows

/** A file name for each name: valid on every file system and unique, ignoring case. */
export function fileNames(names: readonly string[]): string[] {
  const used = new Set<string>()
  return names.map(name => {
    const plain = plainOf(name)
    let own = plain
    for (let n = 2; used.has(own.toLowerCase()); n++) own = `${plain}_${n}`
    used.add(own.toLowerCase())
    return own
  })
}

function plainOf(name: string): string {
  const plain = name
    .normalize()
    .replace(/[^\p{L}\p{N}_.-]+/gu, '_')
    .replace(/^\.+|\.+$/g, '_')
  const short = [...plain].slice(0, MAX_LENGTH).join('')
  return short === '' || RESERVED.test(short) ? `_${short}` : short
}
