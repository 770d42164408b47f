/**
 * Line colours on white, distinguishable with colour vision deficiency: the palette of Okabe and Ito (Color Universal Design, 2008)
 * without yellow, which is too faint on white.
 */
export const LINES = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#333333'] as const

/** Marks wrong predictions. */
export const WRONG = '#c1121f'

/** Region colours on a grey image, from the bright and light qualitative schemes of Paul Tol (SRON/EPS/TN/09-002). */
const REGIONS = [
  '#ee7733',
  '#33bbee',
  '#ee3377',
  '#44bb99',
  '#ddcc77',
  '#7788ff',
  '#cc4444',
  '#bbcc33',
  '#ffaabb',
  '#88ccee',
  '#aa66cc',
  '#eedd44',
  '#55aa55',
] as const

/** The colour of region `index`. Beyond the list, hues advance by the golden angle, so that none repeats. */
export function regionColor(index: number): string {
  if (index < REGIONS.length) return REGIONS[index]!
  const hue = (index * 137.508) % 360
  return fromHsl(hue, 0.65, index % 2 ? 0.5 : 0.68)
}

function fromHsl(hue: number, saturation: number, lightness: number): string {
  const channel = (n: number): number => {
    const k = (n + hue / 30) % 12
    const value = lightness - saturation * Math.min(lightness, 1 - lightness) * Math.max(-1, Math.min(k - 3, 9 - k, 1))
    return 255 * value
  }
  return hexadecimal([channel(0), channel(8), channel(4)])
}

/** Eleven evenly spaced colours of viridis (van der Walt and Smith, 2015). */
const VIRIDIS = [
  [68, 1, 84],
  [72, 36, 117],
  [65, 68, 135],
  [53, 95, 141],
  [42, 120, 142],
  [33, 145, 140],
  [34, 168, 132],
  [68, 191, 112],
  [122, 209, 81],
  [189, 223, 38],
  [253, 231, 37],
] as const

/** Nine evenly spaced colours of inferno (van der Walt and Smith, 2015) without its darkest eighth, since it overlays dark images. */
const INFERNO = [
  [50, 10, 94],
  [87, 16, 110],
  [120, 28, 109],
  [153, 41, 101],
  [187, 55, 84],
  [221, 81, 58],
  [243, 120, 25],
  [252, 180, 26],
  [252, 255, 164],
] as const

type Color = readonly [red: number, green: number, blue: number]

/** The viridis colour of a value between 0 and 1. */
export function viridis(share: number): string {
  return hexadecimal(between(VIRIDIS, share))
}

/** The colour of a value between 0 and 1 in a map over an image, in bytes. */
export function heat(share: number): Color {
  return between(INFERNO, share)
}

export function hexadecimal(color: Color): string {
  return `#${color.map(value => Math.round(value).toString(16).padStart(2, '0')).join('')}`
}

function between(colors: readonly Color[], share: number): Color {
  const at = Math.min(1, Math.max(0, share)) * (colors.length - 1)
  const below = Math.min(Math.floor(at), colors.length - 2)
  const [from, to] = [colors[below]!, colors[below + 1]!]
  return from.map((value, i) => value + (at - below) * (to[i]! - value)) as unknown as Color
}
