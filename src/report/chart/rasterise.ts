import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { FONT } from './svg.ts'

const FONTS = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf']

/**
 * SVG as PNG, a pixel a unit. Texts are in the packaged font and no other, so that every machine draws the same.
 * Throws where resvg has no native part for this platform.
 */
export async function rasterise(svg: string): Promise<Buffer> {
  const { Resvg } = await import('@resvg/resvg-js')
  const folder = join(dirname(createRequire(import.meta.url).resolve('dejavu-fonts-ttf/package.json')), 'ttf')
  const font = { loadSystemFonts: false, fontFiles: FONTS.map(name => join(folder, name)), defaultFontFamily: FONT }
  return new Resvg(svg, { font }).render().asPng()
}
