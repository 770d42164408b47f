const MOST = 100 // characters; file systems take 255 bytes, endings are still to come
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i // by Windows

/** For each name one that every file system takes as a file's, different from all others whatever the case. */
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
  const short = [...plain].slice(0, MOST).join('')
  return short === '' || RESERVED.test(short) ? `_${short}` : short
}
