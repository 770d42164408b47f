import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { FONT } from './svg.ts'

const FONTS = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf']

/**
 * Renders an SVG as PNG, one pixel per unit. Text uses only the bundled font, so that every machine renders the same picture.
 * Throws if resvg has no native build for this platform.
 */
export async function rasterise(svg: string): Promise<Buffer> {
  const { Resvg } = await import('@resvg/resvg-js')
  const folder = join(dirname(createRequire(import.meta.url).resolve('dejavu-fonts-ttf/package.json')), 'ttf')
  const font = { loadSystemFonts: false, fontFiles: FONTS.map(name => join(folder, name)), defaultFontFamily: FONT }
  return new Resvg(svg, { font }).render().asPng()
}
