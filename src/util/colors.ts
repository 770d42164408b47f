import { createColors } from 'picocolors'

export type Colors = ReturnType<typeof createColors>

/** Colours for a terminal, none for anything else. NO_COLOR and TERM=dumb turn them off. */
export function colorsFor(
  stream: { isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): Colors {
  return createColors(stream.isTTY === true && environment.TERM !== 'dumb' && !environment.NO_COLOR)
}
