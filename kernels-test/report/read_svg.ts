import { Resvg } from '@resvg/resvg-js'

/** Groups of a picture that have `attribute`: its decoded value and the content of the group. */
export function groupsOf(svg: string, attribute: string): Map<string, string> {
  const groups = new Map<string, string>()
  for (const match of svg.matchAll(new RegExp(`<g [^>]*\\b${attribute}="([^"]*)"[^>]*>`, 'g'))) {
    const start = match.index + match[0].length
    let [depth, at] = [1, start]
    for (const tag of svg.slice(start).matchAll(/<g\b[^>]*>|<\/g>/g)) {
      depth += tag[0] === '</g>' ? -1 : 1
      at = start + tag.index
      if (depth === 0) break
    }
    groups.set(plain(match[1]!), svg.slice(start, at))
  }
  return groups
}

/** The texts of a picture, decoded. */
export function textsOf(svg: string): string[] {
  return [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, content]) => plain(content!))
}

function plain(escaped: string): string {
  return escaped.replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
}

/** Width, height and number of colours of the picture when drawn without texts. Throws if it is not well formed. */
export function drawn(svg: string): { width: number; height: number; colors: number } {
  const image = new Resvg(svg, { font: { loadSystemFonts: false } }).render()
  const pixels = new Uint32Array(new Uint8Array(image.pixels).buffer)
  return { width: image.width, height: image.height, colors: new Set(pixels).size }
}

export function pngSize(png: Uint8Array): { signature: string; width: number; height: number } {
  const bytes = Buffer.from(png)
  return {
    signature: bytes.subarray(0, 8).toString('latin1'),
    width: bytes.readUInt32BE(16),
    height: bytes.readUInt32BE(20),
  }
}

export const PNG_SIGNATURE = '\x89PNG\r\n\x1a\n'
